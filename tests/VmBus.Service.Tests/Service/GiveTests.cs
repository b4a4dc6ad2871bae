using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Service.Tests.Service;

/// <summary>What is opened for a worker while it runs, by a program that has the rights.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class GiveTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private readonly RunningService _service = new();

    public Task InitializeAsync() => _service.StartAsync();

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task Worker_is_started_with_the_socket_and_a_user_of_its_own_where_there_is_one()
    {
        await _service.DefineAsync("web");
        await _service.DefineAsync("db");
        string[] web = WordsOf(await _service.StartPartitionAsync("web")), db = WordsOf(await _service.StartPartitionAsync("db"));
        Assert.Equal(_service.StateFile("web", "given"), After(web, "--given"));
        Assert.NotNull(After(web, "--run-as"));
        Assert.NotEqual(After(web, "--run-as"), After(db, "--run-as"));
    }

    [Fact]
    public async Task Worker_whose_guest_reaches_sockets_of_the_host_has_a_user_of_its_own_too()
    {
        await _service.DefineAsync("web", "\"vsock\":\"/run/web\"");
        await _service.DefineAsync("db", "\"nics\":[{\"vhostUser\":\"/run/net\"}]");
        foreach (string name in new[] { "web", "db" }) Assert.NotNull(After(WordsOf(await _service.StartPartitionAsync(name)), "--run-as"));
    }

    [Fact]
    public async Task What_is_asked_for_is_opened_by_another_program_and_a_refusal_is_told_in_its_words()
    {
        await _service.DefineAsync("web", "\"cpus\":3");
        Assert.Contains("'vmbus start web' starts it", await RefusalOf("web", "disk", "/x"), StringComparison.Ordinal);
        await _service.StartPartitionAsync("web");
        await GiveAsync("web", "disk", "/a b.img,id=x");
        await GiveAsync("web", "nic", "user");
        await GiveAsync("web", "file", "/etc/hosts");
        string socket = _service.StateFile("web", "given");
        Assert.Equal([$"{socket} --disk=/a b.img,id=x --cpus 3", $"{socket} --nic=user --cpus 3", $"{socket} --file=/etc/hosts --cpus 3"], Gives());
        Assert.Equal("Disk '/none.img' does not exist.", await RefusalOf("web", "disk", "/none.img"));
        Assert.Contains("colour", await RefusalOf("web", "disk", "/x,colour=red"), StringComparison.Ordinal);
        Assert.Contains("'cake' is nothing that can be given", await RefusalOf("web", "cake", "/x"), StringComparison.Ordinal);
        Assert.Equal(4, Gives().Length);
    }

    [Fact]
    public async Task Back_end_of_another_process_is_given_as_who_connects_to_it_and_a_worker_without_the_socket_opens_everything()
    {
        await _service.DefineAsync("web");
        await _service.DefineAsync("older", "\"append\":\"old\"");
        await _service.StartPartitionAsync("web");
        await _service.StartPartitionAsync("older");
        await GiveAsync("web", "disk", "vhost-user=/run/disk");
        await GiveAsync("web", "nic", "vhost-user=/run/net");
        await GiveAsync("older", "disk", "/x");
        string socket = _service.StateFile("web", "given");
        Assert.Equal([$"{socket} --disk=vhost-user=/run/disk --cpus 1", $"{socket} --nic=vhost-user=/run/net --cpus 1"], Gives());
        Assert.Empty(Gives("older"));
    }

    [Fact]
    public async Task Link_that_a_worker_has_lost_is_opened_again_when_it_has_had_it_also_by_the_next_service()
    {
        await _service.DefineAsync("web", "\"nics\":[{\"user\":true,\"id\":\"lan\"}]");
        PartitionStatus worker = await _service.StartPartitionAsync("web");
        string socket = _service.StateFile("web", "given");
        await LoseAsync(worker, "user,id=lan");
        await WaitForAsync(() => Gives() is [var only] && only == $"{socket} --nic=user,id=lan --cpus 1 --renew");
        await GiveAsync("web", "nic", "tap=t0");
        await _service.KillAsync();
        await _service.StartAsync();
        await _service.WaitForAsync(static status => status.State == "running");
        await LoseAsync(worker, "tap=eth0");
        await WaitForAsync(() => _service.Errors.Contains("'tap=eth0' cannot be opened again: the partition has never had it", StringComparison.Ordinal));
        await LoseAsync(worker, "tap=t0", () => Gives().Contains($"{socket} --nic=tap=t0 --cpus 1 --renew"));
        Assert.DoesNotContain(Gives(), static line => line.Contains("eth0", StringComparison.Ordinal));
    }

    private static string[] WordsOf(PartitionStatus worker) => File.ReadAllText($"/proc/{worker.Process}/cmdline").Split('\0');

    private static string? After(string[] words, string option) => Array.IndexOf(words, option) is >= 0 and var index ? words[index + 1] : null;

    private string[] Gives(string name = "web") => File.Exists(_service.StateFile(name, "gives")) ? File.ReadAllLines(_service.StateFile(name, "gives")) : [];

    private Task<NoValue> GiveAsync(string name, string device, string options) => _service.AskAsync(ServiceVerb.Give, new GiveRequest(name, device, options));

    private async Task<string> RefusalOf(string name, string device, string options)
        => (await Assert.ThrowsAsync<ControlException>(() => GiveAsync(name, device, options))).Message;

    // The worker tells of it again until something has followed, as a real one does: a service that has just begun may not listen yet, and rests between two.
    private async Task LoseAsync(PartitionStatus worker, string link, Func<bool>? follows = null)
    {
        await File.WriteAllTextAsync(_service.StateFile("web", "lost"), link);
        do
        {
            await _service.SignalAsync(worker, "HUP");
            await Task.Delay(100, _service.Timely);
        }
        while (follows?.Invoke() == false);
    }

    private async Task WaitForAsync(Func<bool> condition)
    {
        while (!condition()) await Task.Delay(50, _service.Timely);
    }
}
