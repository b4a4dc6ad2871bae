using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using VmBus.Cli.Options;
using VmBus.Cli.Tracing;
using VmBus.Management.Client;
using VmBus.Management.Values;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus trace</c>: what guest and host say to each other on the bus, as a file for Wireshark.</summary>
internal static class TraceCommand
{
    private const string StandardOutput = "-";

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<string> file = new("--out") { HelpName = "FILE", Description = "Where the trace goes, a pcapng file that is emptied first; '-' for standard output", Required = true };
        Option<bool> packets = new("--packets") { Description = "Record the packets of the rings too, each signal, and the rings' control words whenever the host has nothing to do" };
        Option<string[]> channels = new("--channel")
        {
            HelpName = "CHANNEL",
            Description = "With --packets: only of this channel, by its number, or of all whose device is scsi, network, integration, memory, socket or other; may be given more than once",
        };
        Option<double?> seconds = new("--seconds") { HelpName = "SECONDS", Description = "End after this time" };
        Option<long?> count = new("--count") { HelpName = "COUNT", Description = "End after so many records" };
        Option<string?> snap = new("--snap") { HelpName = "SIZE", Description = "Keep no more than this of each packet, 16 to 64K" };
        Option<string?> buffer = new("--buffer") { HelpName = "SIZE", Description = "Memory of the partition's process for records that are not written yet, 256K to 64M; without this 8M. Records for which there is none are lost, and counted" };
        var command = new Command(
            "trace",
            "Records what guest and host of a running partition say to each other on the bus, both ways with time stamps, until Ctrl-C or the partition's end: channel messages, and with --packets the rings. "
            + "Wireshark and tshark show it with the dissector that 'vmbus dissector' prints. Prints how many records there are, and how many were lost.")
        {
            file, packets, channels, seconds, count, snap, buffer,
        };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            string[] which = parsed.GetValue(channels) ?? [];
            if (which.Length > 0 && !parsed.GetValue(packets)) throw new UsageException("--channel is of ring packets: give --packets too.");
            if (parsed.GetValue(seconds) is { } time && time is not (>= 0.1 and <= 1e6)) throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--seconds {time}: must be 0.1 to 1000000."));
            if (parsed.GetValue(count) is < 1 and { } wanted) throw new UsageException($"--count {wanted}: must be 1 or more.");
            var request = new TraceRequest(parsed.GetValue(packets), which, parsed.GetValue(count), Size("--snap", parsed.GetValue(snap)), Size("--buffer", parsed.GetValue(buffer)));
            TimeSpan? limit = parsed.GetValue(seconds) is { } given ? TimeSpan.FromSeconds(given) : null;
            return TraceAsync(target(parsed), request, parsed.GetValue(file)!, limit).GetAwaiter().GetResult();
        }));
        return command;
    }

    private static async Task<int> TraceAsync(PartitionTarget target, TraceRequest request, string path, TimeSpan? limit)
    {
        ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            // Before the trace begins: a file that cannot be written costs the partition nothing.
            Stream output = path == StandardOutput
                ? Console.OpenStandardOutput()
                : new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            var copy = new TraceCopy();
            await using (output.ConfigureAwait(false))
            {
                Stream trace = await client.OpenTraceAsync(request, CancellationToken.None).ConfigureAwait(false);
                using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
                using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
                using Timer? timer = limit is { } time ? new Timer(_ => client.EndSending(), null, time, Timeout.InfiniteTimeSpan) : null;
                await copy.RunAsync(trace, output).ConfigureAwait(false);
            }

            string lost = copy.Lost is { } count ? string.Create(CultureInfo.InvariantCulture, $"{count} lost") : "cut off";
            TextWriter words = path == StandardOutput ? Console.Error : Console.Out;
            await words.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{copy.Records} records, {copy.Bytes} bytes, {lost}")).ConfigureAwait(false);
            return copy.Lost is null ? ExitStatus.Failure : ExitStatus.Success;
        }

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            client.EndSending();
        }
    }

    private static int? Size(string option, string? text)
    {
        if (text is null) return null;
        return SizeParser.TryParse(text, out long bytes) && bytes <= int.MaxValue ? (int)bytes : throw new UsageException($"{option} '{text}': not a size; write it as 256K.");
    }
}
