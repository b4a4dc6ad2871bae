using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus top</c>: what each channel of a partition does, live on a terminal.</summary>
internal static class TopCommand
{
    private const string EnterScreen = "\u001b[?1049h\u001b[?25l";
    private const string LeaveScreen = "\u001b[?25h\u001b[?1049l";
    private const string ToTop = "\u001b[H";
    private const string EraseLine = "\u001b[K";
    private const string EraseBelow = "\u001b[J";

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<bool> json = ControlCommand.JsonOption();
        Option<double> interval = new("--interval") { HelpName = "SECONDS", Description = "Time between two looks, 0.1 to 60", DefaultValueFactory = _ => 1 };
        var command = new Command(
            "top", "Shows what each channel of a running partition does: live on a terminal until Ctrl-C, else once, with what was done since the channels were opened.")
        {
            json, interval,
        };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            double seconds = parsed.GetValue(interval);
            if (seconds is not (>= 0.1 and <= 60)) throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--interval {seconds}: must be 0.1 to 60."));
            bool live = !Console.IsOutputRedirected && !parsed.GetValue(json);
            return (live ? WatchAsync(target(parsed), TimeSpan.FromSeconds(seconds)) : ShowOnceAsync(target(parsed), parsed.GetValue(json)))
                .GetAwaiter().GetResult();
        }));
        return command;
    }

    private static async Task<int> ShowOnceAsync(PartitionTarget target, bool json)
    {
        ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            PartitionReport report = await client.CallAsync(PartitionVerb.Show, NoValue.Instance, CancellationToken.None).ConfigureAwait(false);
            Console.Out.Write(json ? JsonText.Of(report) : TopText.Totals(report));
        }

        return ExitStatus.Success;
    }

    private static async Task<int> WatchAsync(PartitionTarget target, TimeSpan interval)
    {
        using var interrupted = new CancellationTokenSource();
        using PosixSignalRegistration signal = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            interrupted.Cancel();
        });
        ControlClient client = await target.ConnectAsync(interrupted.Token).ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            Console.Out.Write(EnterScreen);
            try
            {
                PartitionReport? before = null;
                while (true)
                {
                    PartitionReport now = await client.CallAsync(PartitionVerb.Show, NoValue.Instance, interrupted.Token).ConfigureAwait(false);
                    string table = before is null ? TopText.Totals(now) : TopText.Rates(before, now);
                    Console.Out.Write($"{ToTop}{table.Replace("\n", $"{EraseLine}\n", StringComparison.Ordinal)}{EraseBelow}");
                    before = now;
                    await Task.Delay(interval, interrupted.Token).ConfigureAwait(false);
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
