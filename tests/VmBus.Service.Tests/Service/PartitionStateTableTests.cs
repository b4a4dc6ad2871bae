using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Service.Tests.Service;

/// <summary>Every verb, and every end of a worker, in every state of a partition, as the table of the page says.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class PartitionStateTableTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private static readonly string[] Names = ["off", "starting", "running", "stopping", "restarting"];

    // LifecycleTests and FaultTests have other services; what a worker's answer and a time do is waited for by every row here.
    private static readonly string[] Elsewhere = ["the worker answers", "the time of the restart", "another service begins"];

    private readonly RunningService _service = new();

    public static TheoryData<string, string, string> States()
    {
        SpecTable table = SpecPage.Load("service.md").Table("states");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            if (Elsewhere.Contains(table.Cell(row, "event"))) continue;
            foreach (string name in Names.Where(name => table.Cell(row, name).Length > 0)) data.Add(table.Cell(row, "event"), name, table.Cell(row, name));
        }

        return data;
    }

    public Task InitializeAsync() => _service.StartAsync();

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Theory]
    [MemberData(nameof(States))]
    public async Task Event_in_a_state_does_what_the_page_says(string what, string state, string expected)
    {
        // One that powers off when it is asked may have ended before anybody looks.
        Task<PartitionStatus>? starting = await ReachAsync(state, wantsAgain: what == "the worker ends, wanted again", isDeaf: expected == "→ stopping");
        Assert.Equal(state, (await _service.ShowAsync()).State);

        bool isRefused = await PlayAsync(what);

        Assert.Equal(expected == "refused", isRefused);
        switch (expected)
        {
            case "→ gone":
                Assert.DoesNotContain((await _service.AskAsync(ServiceVerb.List, NoValue.Instance)).Partitions, static partition => partition.Name == "web");
                break;
            case "→ starting":
                // Its worker answers at once.
                await _service.WaitForAsync(static status => status is { State: "running", Process: not null });
                break;
            case "→ off" or "→ stopping" or "→ restarting":
                await _service.WaitForAsync(status => status.State == expected[2..]);
                break;
            case "refused" or "given":
                Assert.Equal(state, (await _service.ShowAsync()).State);
                break;
            default:
                Assert.Equal((state, expected), ((await _service.ShowAsync()).State, state));
                break;
        }

        if (starting is not null) await EndAsync(starting);
    }

    // The answer to the start that is still waited for, if one is.
    private async Task<Task<PartitionStatus>?> ReachAsync(string state, bool wantsAgain, bool isDeaf)
    {
        string append = state switch
        {
            "starting" => "\"append\":\"late\"",
            _ when isDeaf || state == "stopping" => "\"append\":\"deaf\"",
            _ => "\"append\":\"\"",
        };
        await _service.DefineAsync("web", $"{append},\"restart\":\"{(wantsAgain || state == "restarting" ? "always" : "never")}\"");
        if (state == "off") return null;
        if (state == "starting")
        {
            Task<PartitionStatus> starting = _service.AskAsync(ServiceVerb.Start, new NameRequest("web"));
            await _service.WaitForAsync(static status => status is { State: "starting", Process: not null });
            return starting;
        }

        PartitionStatus running = await _service.StartPartitionAsync("web");
        if (state == "stopping") await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", 3_600_000, false));
        if (state != "restarting") return null;
        // A partition that ends again and again is left alone for longer each time: the third time for 4 seconds.
        for (int end = 0; end < 3; end++)
        {
            await _service.SignalAsync(running, "KILL");
            if (end < 2) running = await _service.WaitForAsync(status => status.State == "running" && status.Process is { } process && process != running.Process);
        }

        await _service.WaitForAsync(static status => status.State == "restarting");
        return null;
    }

    // Whether it was refused.
    private async Task<bool> PlayAsync(string what)
    {
        try
        {
            switch (what)
            {
                case "service.start":
                    await _service.StartPartitionAsync("web");
                    break;
                case "service.stop":
                    await _service.AskAsync(ServiceVerb.Stop, new StopRequest("web", 3_600_000, false));
                    break;
                case "service.kill":
                    await _service.AskAsync(ServiceVerb.Kill, new NameRequest("web"));
                    break;
                case "service.give":
                    await _service.AskAsync(ServiceVerb.Give, new GiveRequest("web", "file", "/etc/hosts"));
                    break;
                case "service.undefine":
                    await _service.AskAsync(ServiceVerb.Undefine, new NameRequest("web"));
                    break;
                case "another definition":
                    await _service.AskAsync(ServiceVerb.Define, new DefineRequest("web", """{"kernel":"/k","restart":"always","cpus":2}""", true));
                    break;
                case "the worker ends" or "the worker ends, wanted again":
                    await _service.SignalAsync(await _service.ShowAsync(), "KILL");
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(what), what, "No such row.");
            }

            return false;
        }
        catch (ControlException problem) when (problem.Code == ControlErrorCode.Failed)
        {
            return true;
        }
    }

    // A start that did not come so far as to run is answered with its worker's end.
    private async Task EndAsync(Task<PartitionStatus> starting)
    {
        if ((await _service.ShowAsync()).Process is not null) await _service.AskAsync(ServiceVerb.Kill, new NameRequest("web"));
        await Assert.ThrowsAsync<ControlException>(() => starting);
    }
}
