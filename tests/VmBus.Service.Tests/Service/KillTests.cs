using System.Globalization;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using Xunit;

namespace VmBus.Service.Tests.Service;

/// <summary>Services and workers that are killed at any moment, while an operator does all that can be done with partitions.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class KillTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private const int Rounds = 12;
    private const int LongestRoundMs = 500;
    private const int MaximumProcessors = 64;

    private static readonly string[] Names = ["a", "b", "c"];

    private readonly RunningService _service = new(TimeSpan.FromMinutes(5));
    // What each partition's definition may be by what was answered: its processors, 0 for none.
    private readonly Dictionary<string, HashSet<int>> _possible = Names.ToDictionary(static name => name, static _ => new HashSet<int> { 0 }, StringComparer.Ordinal);

    public Task InitializeAsync() => _service.StartAsync();

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Whatever_is_killed_whenever_every_definition_is_old_or_new_and_every_worker_is_known_once(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < Rounds; round++)
        {
            Task[] operators = [OperateAsync(new Random(random.Next()), Names[..2]), OperateAsync(new Random(random.Next()), Names[2..])];
            await Task.Delay(random.Next(LongestRoundMs), _service.Timely);
            if (random.Next(2) == 0 && _service.Workers() is { Count: > 0 } workers) await _service.SignalAsync(workers[random.Next(workers.Count)], "KILL");
            await Task.Delay(random.Next(LongestRoundMs / 10), _service.Timely);
            await _service.KillAsync();
            await Task.WhenAll(operators);
            await _service.StartAsync();
            await CheckAsync();
        }

        // All of it is of use still.
        foreach (string name in Names)
        {
            await TryAsync(() => _service.AskAsync(ServiceVerb.Kill, new NameRequest(name)));
            await TryAsync(() => _service.AskAsync(ServiceVerb.Undefine, new NameRequest(name)));
            await _service.DefineAsync(name);
            Assert.Equal("running", (await _service.StartPartitionAsync(name)).State);
            Assert.Equal("powered-off", (await _service.AskAsync(ServiceVerb.Stop, new StopRequest(name, null, true))).Reason);
        }

        Assert.Empty(_service.Workers());
    }

    // Until there is no service any more.
    private async Task OperateAsync(Random random, string[] names)
    {
        while (true)
        {
            string name = names[random.Next(names.Length)];
            HashSet<int> possible = _possible[name];
            try
            {
                switch (random.Next(8))
                {
                    case 0 or 1:
                        int processors = random.Next(MaximumProcessors) + 1;
                        possible.Add(processors);
                        string text = $$"""{"kernel":"/k","cpus":{{processors.ToString(CultureInfo.InvariantCulture)}},"restart":"{{(random.Next(2) == 0 ? "always" : "never")}}"}""";
                        await _service.AskAsync(ServiceVerb.Define, new DefineRequest(name, text, true));
                        Settle(possible, processors);
                        break;
                    case 2:
                        possible.Add(0);
                        await _service.AskAsync(ServiceVerb.Undefine, new NameRequest(name));
                        Settle(possible, 0);
                        break;
                    case 3:
                        await _service.AskAsync(ServiceVerb.Stop, new StopRequest(name, 1000, random.Next(2) == 0));
                        break;
                    case 4:
                        await _service.AskAsync(ServiceVerb.Kill, new NameRequest(name));
                        break;
                    case 5:
                        await _service.AskAsync(ServiceVerb.Autostart, new AutostartRequest(name, random.Next(2) == 0));
                        break;
                    default:
                        await _service.StartPartitionAsync(name);
                        break;
                }
            }
            catch (IOException)
            {
                // It is refused, such as a start of what runs already, and the next is something else; or the service is gone.
                if (!await AnswersAsync()) return;
            }
        }
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await _service.AskAsync(ServiceVerb.List, NoValue.Instance);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task CheckAsync()
    {
        PartitionStatusList list;
        while (true)
        {
            list = await _service.AskAsync(ServiceVerb.List, NoValue.Instance);
            List<int> workers = _service.Workers();
            // One that was killed is waited for, and one that is to be restarted is off until then.
            if (list.Partitions.All(static one => one.State is "running" or "off" or "restarting")
                && workers.Order().SequenceEqual(list.Partitions.Where(static one => one.Process is not null).Select(static one => (int)one.Process!.Value).Order()))
            {
                break;
            }

            await Task.Delay(50, _service.Timely);
        }

        Assert.Empty(list.Problems);
        foreach (string name in Names)
        {
            // A worker whose definition is gone is told of until it ends.
            PartitionStatus? found = list.Partitions.SingleOrDefault(one => one.Name == name);
            int processors = found is null or { Problem: "its definition file is gone" } ? 0 : (int)found.Processors;
            Assert.Contains(processors, _possible[name]);
            Settle(_possible[name], processors);
        }

        // None is half of one, or beside its place.
        Assert.All(Directory.GetFiles(_service.Definitions).Where(static path => !Path.GetFileName(path).StartsWith('.')), static path => Assert.EndsWith(".json", path, StringComparison.Ordinal));
    }

    private static void Settle(HashSet<int> possible, int only)
    {
        possible.Clear();
        possible.Add(only);
    }

    private static async Task TryAsync(Func<Task> ask)
    {
        try
        {
            await ask();
        }
        catch (ControlException)
        {
            // It is so already.
        }
    }
}
