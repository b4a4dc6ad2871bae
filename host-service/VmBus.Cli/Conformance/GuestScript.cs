using System.Diagnostics;
using System.Globalization;
using VmBus.Cli.Options;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Conformance;

/// <summary>What a guest is given to do while it is traced, so that its drivers show as much as they can.</summary>
/// <param name="Reboot">Whether it starts again, which what is said at a start is seen by.</param>
/// <param name="Nic">A network adapter that comes and goes, in the words of the command line; null for none.</param>
/// <param name="Patience">How long each step may take.</param>
internal sealed record GuestScript(bool Reboot, string? Nic, TimeSpan Patience)
{
    private const int TraceBufferBytes = 64 << 20;
    private const int Beats = 3;
    private const int LooksWithoutChange = 10;
    private const long Unit = 1 << 20;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(200);

    /// <summary>Runs it on a partition.</summary>
    /// <param name="target">The partition.</param>
    /// <param name="words">Gets a line for each step, and for what the guest did not do.</param>
    /// <returns>The partition's name, and what was recorded.</returns>
    /// <exception cref="IOException">The partition is not there, or ends.</exception>
    public async Task<(string Name, GuestRecording Recording)> RunAsync(PartitionTarget target, TextWriter words)
    {
        ControlClient tracer = await target.ConnectAsync().ConfigureAwait(false);
        await using (tracer.ConfigureAwait(false))
        {
            var request = new TraceRequest(Packets: true, [], null, null, TraceBufferBytes);
            Stream trace = await tracer.OpenTraceAsync(request, CancellationToken.None).ConfigureAwait(false);
            var recording = new GuestRecording();
            Task reading = recording.ReadAsync(trace);
            ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
            string name;
            await using (client.ConfigureAwait(false))
            {
                name = (await client.CallAsync(PartitionVerb.Show, NoValue.Instance, CancellationToken.None).ConfigureAwait(false)).Name;
                if (Reboot) await RebootAsync(target, client, words).ConfigureAwait(false);
                await TryAsync(words, "the guest sets its clock", () => client.CallAsync(GuestVerb.SynchronizeTime, NoValue.Instance, CancellationToken.None)).ConfigureAwait(false);
                await TryAsync(words, "the guest gives memory back and gets it again", () => ResizeAsync(client)).ConfigureAwait(false);
                await TryAsync(words, "a program of the guest is connected to", () => ConnectAsync(target)).ConfigureAwait(false);
                if (Nic is { } options) await PlugAsync(client, options, words).ConfigureAwait(false);
                await TryAsync(words, "the guest's heart beats", () => BeatAsync(client, Beats)).ConfigureAwait(false);
            }

            tracer.EndSending();
            await reading.ConfigureAwait(false);
            return (name, recording);
        }
    }

    // What a guest cannot do is not seen of it, which the report says; the rest goes on.
    private static async Task TryAsync(TextWriter words, string what, Func<Task> step)
    {
        try
        {
            await step().ConfigureAwait(false);
            await words.WriteLineAsync($"vmbus: {what}").ConfigureAwait(false);
        }
        catch (ControlException problem) when (problem.Code is ControlErrorCode.Failed or ControlErrorCode.UnknownVerb)
        {
            await words.WriteLineAsync($"vmbus: {what}: no: {problem.Message}").ConfigureAwait(false);
        }
    }

    private async Task RebootAsync(PartitionTarget target, ControlClient client, TextWriter words)
    {
        await words.WriteLineAsync("vmbus: the guest starts again").ConfigureAwait(false);
        ControlClient follower = await target.ConnectAsync().ConfigureAwait(false);
        await using (follower.ConfigureAwait(false))
        {
            await follower.CallAsync(ControlProtocol.FollowEvents, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
            await client.CallAsync(GuestVerb.ShutDown, new ShutdownRequest("reboot", Force: false), CancellationToken.None).ConfigureAwait(false);
            using var limit = new CancellationTokenSource(Patience);
            try
            {
                string? happened;
                do happened = (await follower.NextEventAsync(limit.Token).ConfigureAwait(false))?.Name;
                while (happened is not (null or PartitionEventName.Reset or PartitionEventName.Ended));
                if (happened != PartitionEventName.Reset) throw new ControlException(ControlErrorCode.Ended, "The partition has ended where it was to start again: run it without --no-reboot.");
            }
            catch (OperationCanceledException)
            {
                throw Late("The guest said that it would start again, and has not");
            }
        }

        await BeatAsync(client, 1).ConfigureAwait(false);
    }

    // Its services are the last that a guest's kernel brings up, and beats go on for ever.
    private async Task BeatAsync(ControlClient client, int beats)
    {
        HeartbeatReport first = await client.CallAsync(GuestVerb.Heartbeat, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
        long wanted = (first.State == "ok" ? first.Answered : 0) + beats;
        await UntilAsync("The guest's heart does not beat", async () =>
        {
            HeartbeatReport now = await client.CallAsync(GuestVerb.Heartbeat, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
            return now.State == "ok" && now.Answered >= wanted;
        }).ConfigureAwait(false);
    }

    private static async Task ResizeAsync(ControlClient client)
    {
        MemoryReport memory = await client.CallAsync(PartitionVerb.ShowMemory, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
        long less = memory.AssignedBytes / 4 * 3 / Unit * Unit;
        try
        {
            await client.CallAsync(PartitionVerb.SetMemory, new MemoryRequest(less), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            await client.CallAsync(PartitionVerb.SetMemory, new MemoryRequest(memory.AssignedBytes), CancellationToken.None).ConfigureAwait(false);
        }
    }

    // The exec service is the one program whose socket everybody knows; where nobody listens the guest leaves the offer alone. A service that is asked for
    // nothing ends the connection by itself, which a connection that goes away would not let it.
    private async Task ConnectAsync(PartitionTarget target)
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            ControlClient client = await target.ConnectAsync(limit.Token).ConfigureAwait(false);
            await using (client.ConfigureAwait(false))
            {
                Stream service = await client.OpenExecAsync(limit.Token).ConfigureAwait(false);
                client.EndSending();
                await service.CopyToAsync(Stream.Null, limit.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            throw Late("The guest's exec service does not end a connection that asks for nothing");
        }
    }

    private async Task PlugAsync(ControlClient client, string options, TextWriter words)
    {
        await words.WriteLineAsync("vmbus: a network adapter comes and goes").ConfigureAwait(false);
        HashSet<string> before = [.. (await ChannelsAsync(client).ConfigureAwait(false)).Select(static channel => channel.Instance)];
        NicReport nic = await client.CallAsync(PartitionVerb.AddNic, new AddRequest(options), CancellationToken.None).ConfigureAwait(false);
        int channels = 0, looks = 0;
        await UntilAsync("The guest does not use the network adapter that came", async () =>
        {
            // Its driver is done when all its channels are open and no more come for a while.
            ChannelReport[] now = [.. (await ChannelsAsync(client).ConfigureAwait(false)).Where(channel => channel.Device == "network" && !before.Contains(channel.Instance))];
            looks = now.Length == channels && now.Length > 0 && now.All(static channel => channel.State == "open") ? looks + 1 : 0;
            channels = now.Length;
            return looks == LooksWithoutChange;
        }).ConfigureAwait(false);
        await client.CallAsync(PartitionVerb.RemoveNic, new RemoveRequest(nic.Id), CancellationToken.None).ConfigureAwait(false);
    }

    private static async Task<IReadOnlyList<ChannelReport>> ChannelsAsync(ControlClient client)
        => (await client.CallAsync(PartitionVerb.Show, NoValue.Instance, CancellationToken.None).ConfigureAwait(false)).Channels;

    private async Task UntilAsync(string problem, Func<Task<bool>> condition)
    {
        long started = Stopwatch.GetTimestamp();
        while (!await condition().ConfigureAwait(false))
        {
            if (Stopwatch.GetElapsedTime(started) > Patience) throw Late(problem);
            await Task.Delay(LookAgain).ConfigureAwait(false);
        }
    }

    private ControlException Late(string problem)
        => new(ControlErrorCode.Failed, string.Create(CultureInfo.InvariantCulture, $"{problem} within {Patience.TotalSeconds} s: give it more by --patience."));
}
