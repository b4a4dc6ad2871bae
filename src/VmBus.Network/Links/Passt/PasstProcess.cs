using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using VmBus.Native.Linux;

namespace VmBus.Network.Links.Passt;

/// <summary>A <c>passt</c> child process with one connection to it.</summary>
/// <remarks>
/// The child serves one client and ends when that one goes (<c>--one-off</c>), so a parent that is killed leaves none behind. It gives up
/// root by itself. Any thread. Source: passt(1).
/// </remarks>
internal sealed class PasstProcess : IDisposable
{
    internal const string Program = "passt";

    // What a user has whose number is not in /etc/passwd.
    private const uint Nobody = 65534;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _folder;
    private readonly Lock _gate = new();
    private readonly Queue<string> _lastWords = new();

    private PasstProcess(Process process, string folder)
    {
        _process = process;
        _folder = folder;
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => Ended?.Invoke(this);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
    }

    /// <summary>Raised, on any thread, when the child has ended.</summary>
    internal event Action<PasstProcess>? Ended;

    /// <summary>Whether the child has ended.</summary>
    internal bool HasEnded
    {
        get
        {
            try
            {
                return _process.HasExited;
            }
            catch (InvalidOperationException)
            {
                // Disposed by whoever saw the end first.
                return true;
            }
        }
    }

    /// <summary>The child's process id.</summary>
    internal int ProcessId { get; private set; }

    /// <summary>The connection; it belongs to the caller of <see cref="Start"/>.</summary>
    internal LinuxFile? Connection { get; private set; }

    /// <summary>The last lines that the child wrote.</summary>
    internal string LastWords
    {
        get
        {
            lock (_gate) return _lastWords.Count == 0 ? "it gave no reason" : string.Join(" | ", _lastWords);
        }
    }

    private string SocketPath => Path.Combine(_folder, "passt");

    /// <summary>Starts the child and connects to it.</summary>
    /// <param name="mtu">Longest packet, which the child tells the guest.</param>
    /// <exception cref="LinkException">It is not installed, or cannot work here.</exception>
    internal static PasstProcess Start(int mtu)
    {
        // Its mode is 0700: nobody else may connect.
        string folder = Directory.CreateTempSubdirectory("vmbus-passt-").FullName;
        // The child gives up root before it makes its socket.
        if (FileOwner.IsRoot) _ = FileOwner.Change(folder, NobodysNumber());
        PasstProcess? passt = null;
        try
        {
            passt = new PasstProcess(new Process { StartInfo = Describe(Path.Combine(folder, "passt"), mtu) }, folder);
            passt.Run();
            return passt;
        }
        catch (Win32Exception)
        {
            passt?.Dispose();
            throw new LinkException(LinkProblem.MissingTool, "Network link 'user' needs the program passt, which is not installed; install the package passt.");
        }
        catch
        {
            passt?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            _process.Kill();
            _process.WaitForExit();
        }
        catch (InvalidOperationException)
        {
            // Never started, or over already.
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static ProcessStartInfo Describe(string socket, int mtu)
    {
        var start = new ProcessStartInfo(Program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add("--foreground");
        start.ArgumentList.Add("--stderr");
        start.ArgumentList.Add("--quiet");
        start.ArgumentList.Add("--one-off");
        start.ArgumentList.Add("--mtu");
        start.ArgumentList.Add(mtu.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add("--socket");
        start.ArgumentList.Add(socket);
        return start;
    }

    private static uint NobodysNumber()
    {
        try
        {
            string? line = File.ReadLines("/etc/passwd").FirstOrDefault(user => user.StartsWith("nobody:", StringComparison.Ordinal));
            return line?.Split(':') is { Length: > 2 } fields && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
                ? number
                : Nobody;
        }
        catch (IOException)
        {
            return Nobody;
        }
    }

    private void Run()
    {
        _process.Start();
        ProcessId = _process.Id;
        _process.StandardInput.Close();
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        long deadline = Environment.TickCount64 + (long)StartLimit.TotalMilliseconds;
        while (true)
        {
            // The socket appears when the child is ready; there is no other sign that costs less.
            Connection = UnixStream.TryConnect(SocketPath, out _);
            if (Connection is not null) return;
            if (_process.WaitForExit(TimeSpan.FromMilliseconds(10)))
            {
                // Waits for the last words too.
                _process.WaitForExit();
                throw Explain(LastWords);
            }

            if (Environment.TickCount64 > deadline)
                throw new LinkException(LinkProblem.Host, $"Network link 'user': passt was not ready within {StartLimit.TotalSeconds} s: {LastWords}");
        }
    }

    private static LinkException Explain(string words) => new(
        LinkProblem.Host,
        words.Contains("xternal interface", StringComparison.Ordinal) || words.Contains("No external routable", StringComparison.Ordinal)
            ? $"Network link 'user': this host has no default route, which passt needs; connect the host, or use a TAP. It says: {words}"
            : $"Network link 'user': passt cannot work here: {words}");

    private void Keep(string? line)
    {
        const int MaximumLines = 4;
        const int MaximumCharacters = 300;
        // Without a system log it says so at every line.
        if (string.IsNullOrWhiteSpace(line) || line.Contains("to syslog", StringComparison.Ordinal)) return;
        lock (_gate)
        {
            if (_lastWords.Count == MaximumLines) _lastWords.Dequeue();
            _lastWords.Enqueue(line.Length > MaximumCharacters ? line[..MaximumCharacters] : line);
        }
    }
}
