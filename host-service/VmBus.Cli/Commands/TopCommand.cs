using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus top</c>: what each channel of a partition does, or each partition of a service, live on a terminal.</summary>
internal static class TopCommand
{
    private const string EnterScreen = "\u001b[?1049h\u001b[?25l";
    private const string LeaveScreen = "\u001b[?25h\u001b[?1049l";
    private const string ToTop = "\u001b[H";
    private const string EraseLine = "\u001b[K";
    private const string EraseBelow = "\u001b[J";
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<bool> json = ControlCommand.JsonOption();
        Option<double> interval = new("--interval") { HelpName = "SECONDS", Description = "Time between two looks, 0.1 to 60", DefaultValueFactory = _ => 1 };
        var command = new Command(
            "top", "Shows what each channel of a running partition does, or without a name what each partition of the service does: live on a terminal until Ctrl-C, else once, with what was done since the channels were opened.")
        {
            json, interval,
        };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command, isOptional: true);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            double seconds = parsed.GetValue(interval);
            if (seconds is not (>= 0.1 and <= 60)) throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--interval {seconds}: must be 0.1 to 60."));
            bool isJson = parsed.GetValue(json);
            TimeSpan? live = Console.IsOutputRedirected || isJson ? null : TimeSpan.FromSeconds(seconds);
            PartitionTarget which = target(parsed);
            Task<int> showing = which.IsNamed
                ? ShowAsync<PartitionReport>(which.ConnectAsync, AskAsync, isJson ? JsonText.Of : TopText.Totals, TopText.Rates, live)
                : ShowAsync<IReadOnlyList<PartitionLook>>(which.ConnectToServiceAsync, AskAllAsync, isJson ? JsonText.Of : TopAllText.Totals, TopAllText.Rates, live);
            return showing.GetAwaiter().GetResult();
        }));
        return command;
    }

    private static Task<PartitionReport> AskAsync(ControlClient partition, CancellationToken cancellation) => partition.CallAsync(PartitionVerb.Show, NoValue.Instance, cancellation);

    // Each worker is asked by its own socket, all at the same time.
    private static async Task<IReadOnlyList<PartitionLook>> AskAllAsync(ControlClient service, CancellationToken cancellation)
    {
        PartitionStatusList list = await service.CallAsync(ServiceVerb.List, NoValue.Instance, cancellation).ConfigureAwait(false);
        return await Task.WhenAll(list.Partitions.Select(status => LookAsync(status, cancellation))).ConfigureAwait(false);
    }

    private static async Task<PartitionLook> LookAsync(PartitionStatus status, CancellationToken cancellation)
    {
        if (status.Control is not { } path) return new PartitionLook(status, null);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(AnswerLimit);
        try
        {
            ControlClient worker = await ControlClient.ConnectAsync(path, ControlCommand.ProgramName, limit.Token).ConfigureAwait(false);
            await using (worker.ConfigureAwait(false)) return new PartitionLook(status, await AskAsync(worker, limit.Token).ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // It has ended meanwhile, or does not answer: the others are shown.
            cancellation.ThrowIfCancellationRequested();
            return new PartitionLook(status, null);
        }
    }

    // Once without an interval; else again and again on a screen of its own.
    private static async Task<int> ShowAsync<T>(
        Func<CancellationToken, Task<ControlClient>> connect, Func<ControlClient, CancellationToken, Task<T>> ask, Func<T, string> totals, Func<T, T, string> rates, TimeSpan? interval)
        where T : class
    {
        using var interrupted = new CancellationTokenSource();
        using PosixSignalRegistration? signal = interval is null ? null : PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            interrupted.Cancel();
        });
        ControlClient client = await connect(interrupted.Token).ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            T? before = null;
            if (interval is not { } pause)
            {
                Console.Out.Write(totals(await ask(client, interrupted.Token).ConfigureAwait(false)));
                return ExitStatus.Success;
            }

            Console.Out.Write(EnterScreen);
            try
            {
                while (true)
                {
                    T now = await ask(client, interrupted.Token).ConfigureAwait(false);
                    string table = before is null ? totals(now) : rates(before, now);
                    Console.Out.Write($"{ToTop}{table.Replace("\n", $"{EraseLine}\n", StringComparison.Ordinal)}{EraseBelow}");
                    before = now;
                    await Task.Delay(pause, interrupted.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException)
            {
                return ExitStatus.Interrupted;
            }
            finally
            {
                Console.Out.Write(LeaveScreen);
            }
        }
    }
}
