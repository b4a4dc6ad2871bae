using System.Text;
using VmBus.Host.Consoles;

namespace VmBus.Cli.Monitor;

/// <summary>Sends what is typed on the console to the guest or to the monitor, whichever has it. The console's thread.</summary>
/// <param name="console">Where help goes.</param>
/// <param name="typeToGuest">Takes the guest's keys; may block until it has read earlier ones.</param>
/// <param name="exit">Ends the partition.</param>
/// <param name="prompt">The monitor.</param>
internal sealed class ConsoleInput(IConsole console, Action<ReadOnlyMemory<byte>> typeToGuest, Action exit, MonitorPrompt prompt)
{
    private readonly ConsoleKeys _keys = new();
    private byte[] _forGuest = new byte[1024];
    private bool _monitor;

    /// <summary>Takes what was typed.</summary>
    public void Receive(ReadOnlyMemory<byte> typed)
    {
        if (_forGuest.Length < typed.Length) _forGuest = new byte[typed.Length];
        int count = 0;
        foreach (byte key in typed.Span)
        {
            switch (_keys.Next(key))
            {
                case ConsoleKey.Typed when _monitor:
                    prompt.Type(key);
                    break;
                case ConsoleKey.Typed:
                    _forGuest[count++] = key;
                    break;
                case ConsoleKey.Exit:
                    exit();
                    return;
                case ConsoleKey.Help:
                    console.Write(Encoding.UTF8.GetBytes(ConsoleKeys.Help));
                    break;
                case ConsoleKey.Switch:
                    Switch();
                    break;
                case ConsoleKey.Detach or ConsoleKey.Swallowed:
                    break;
            }
        }

        // Last, because it may wait for the guest.
        if (count > 0) typeToGuest(_forGuest.AsMemory(0, count));
    }

    private void Switch()
    {
        _monitor = !_monitor;
        if (_monitor) prompt.Enter();
        else prompt.Leave();
    }
}
