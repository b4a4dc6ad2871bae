using System.CommandLine;
using System.Globalization;
using System.Text;
using VmBus.Cli.Monitor;
using VmBus.Cli.Options;
using VmBus.Host.Consoles;
using VmBus.Management.Client;
using VmBus.Native.Linux;
using ConsoleKey = VmBus.Cli.Monitor.ConsoleKey;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus console</c>: the serial console of a running partition.</summary>
internal static class ConsoleCommand
{
    private const int StandardInput = 0;
    private const int StandardOutput = 1;
    private const int BufferBytes = 4096;

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Option<string> scrollback = new("--scrollback")
        {
            HelpName = "SIZE",
            Description = string.Create(CultureInfo.InvariantCulture, $"How much of the earlier output is shown first, at most {SharedConsole.HistoryBytes / 1024}K"),
            DefaultValueFactory = _ => "4K",
        };
        var command = new Command(
            "console", "Attaches to the serial console of a running partition until Ctrl-A d, or until it ends. What standard input ends, only typing ends with it.")
        {
            scrollback,
        };
        Func<ParseResult, PartitionTarget> target = PartitionTarget.AddTo(command);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            string text = parsed.GetValue(scrollback)!;
            if (!SizeParser.TryParse(text, out long bytes)) throw new UsageException($"--scrollback '{text}': not a size; write it as 4K or 0.");
            return AttachAsync(target(parsed), bytes).GetAwaiter().GetResult();
        }));
        return command;
    }

    private static async Task<int> AttachAsync(PartitionTarget target, long scrollback)
    {
        ControlClient client = await target.ConnectAsync().ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            Stream guest = await client.AttachConsoleAsync(scrollback, CancellationToken.None).ConfigureAwait(false);
            using var left = new CancellationTokenSource();
            using var console = new DescriptorConsole(StandardInput, StandardOutput, TerminalMode.TryEnterRaw(StandardInput));
            var typist = new Typist(guest, console, left);
            console.Start(typist.Receive);
            byte[] buffer = new byte[BufferBytes];
            try
            {
                while (await guest.ReadAsync(buffer, left.Token).ConfigureAwait(false) is > 0 and var count) console.Write(buffer.AsSpan(0, count));
            }
            catch (OperationCanceledException)
            {
                // Ctrl-A d.
            }
            catch (IOException exception) when (exception is not LinuxException)
            {
                // The partition's process is gone: the console has ended.
            }

            return ExitStatus.Success;
        }
    }

    // The console's thread.
    private sealed class Typist(Stream guest, DescriptorConsole console, CancellationTokenSource left)
    {
        private readonly ConsoleKeys _keys = new();

        public void Receive(ReadOnlyMemory<byte> typed)
        {
            byte[] forGuest = new byte[typed.Length];
            int count = 0;
            foreach (byte key in typed.Span)
            {
                switch (_keys.Next(key))
                {
                    case ConsoleKey.Typed:
                        forGuest[count++] = key;
                        break;
                    case ConsoleKey.Detach:
                        left.Cancel();
                        return;
                    case ConsoleKey.Help:
                        console.Write(Encoding.UTF8.GetBytes(ConsoleKeys.AttachedHelp));
                        break;
                    case ConsoleKey.Exit or ConsoleKey.Switch or ConsoleKey.Swallowed:
                        break;
                }
            }

            try
            {
                if (count > 0) guest.Write(forGuest, 0, count);
            }
            catch (IOException)
            {
                // The partition has ended, which the other direction tells.
            }
        }
    }
}
