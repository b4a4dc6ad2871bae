using System.Collections.Concurrent;
using System.Text;
using VmBus.Host.Consoles;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;

namespace VmBus.Cli.Monitor;

/// <summary>The monitor on the console: takes lines, carries them out one after the other, writes what became of them.</summary>
/// <remarks>
/// <see cref="Enter"/>, <see cref="Leave"/> and <see cref="Type"/> belong to the console's thread. Commands run on a thread of the monitor's
/// own, so that the console's keys are heard while a disk is on its way.
/// </remarks>
internal sealed class MonitorPrompt : IDisposable
{
    // A script may send its lines at once; more than this is no script.
    private const int MaximumWaiting = 1000;
    private const string Prompt = "(vmbus) ";

    private readonly MonitorExecutor _executor;
    private readonly IConsole _console;
    private readonly bool _echo;
    private readonly LineEditor _editor = new();
    private readonly BlockingCollection<string> _lines = new(MaximumWaiting);
    private readonly Thread _thread;
    private volatile bool _entered;
    private volatile bool _stopping;

    /// <summary>A monitor that nobody has entered.</summary>
    /// <param name="verbs">Carries the commands out.</param>
    /// <param name="console">Where answers go.</param>
    /// <param name="echo">Whether keys are shown: the console is a terminal in raw mode.</param>
    public MonitorPrompt(IControlCaller verbs, IConsole console, bool echo)
    {
        _executor = new MonitorExecutor(verbs);
        _console = console;
        _echo = echo;
        _thread = new Thread(Run, maxStackSize: 512 * 1024) { Name = "monitor", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The console is the monitor's from now on.</summary>
    public void Enter()
    {
        _entered = true;
        Write($"\nmonitor: 'help' lists the commands, Ctrl-A c goes back to the guest\n{Prompt}");
    }

    /// <summary>The console is the guest's again.</summary>
    public void Leave()
    {
        _entered = false;
        Write("\nconsole: Ctrl-A c goes to the monitor\n");
    }

    /// <summary>Takes a key.</summary>
    public void Type(byte key)
    {
        string? line = _editor.Type(key, out string echo);
        if (_echo && echo.Length > 0) Write(echo);
        if (line is null) return;
        if (_stopping) return;
        if (!_lines.TryAdd(line)) Write($"error: {MaximumWaiting} commands are waiting, and this one is dropped: wait for the answers.\n");
    }

    /// <summary>Waits for the command that runs. The console must still be there, and the partition's guest gone.</summary>
    public void Dispose()
    {
        _stopping = true;
        // Wakes the thread; where there is no room it is awake. Nothing is disposed: a line may still be typed while the console ends.
        _ = _lines.TryAdd("");
        _thread.Join();
    }

    private void Run()
    {
        foreach (string line in _lines.GetConsumingEnumerable())
        {
            if (_stopping) return;
            Write(_executor.ExecuteAsync(line).GetAwaiter().GetResult() + (_entered ? Prompt : ""));
        }
    }

    private void Write(string text)
    {
        try
        {
            _console.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (LinuxException)
        {
            // Nobody reads the console any more; what was asked for is done all the same.
        }
    }
}
