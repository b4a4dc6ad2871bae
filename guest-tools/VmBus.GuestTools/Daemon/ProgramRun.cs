using System.ComponentModel;
using System.Diagnostics;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Daemon;

/// <summary>Runs a program to its end, without a shell: every argument stays one.</summary>
internal static class ProgramRun
{
    private const int MaximumCharacters = 400;

    // What it wrote last may come after its end; a daemon that it started may keep its output open for ever.
    private static readonly TimeSpan LastWordsLimit = TimeSpan.FromSeconds(2);

    /// <summary>Runs a program.</summary>
    /// <param name="program">Its name, which is looked for in PATH, or its path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="limit">After so long it is killed, with its children.</param>
    /// <param name="said">Its last line, or why it was not run; for the log.</param>
    /// <param name="environment">More for its environment.</param>
    /// <returns>Whether it ended with 0.</returns>
    public static bool Run(
        string program, IEnumerable<string> arguments, TimeSpan limit, out string said, IEnumerable<KeyValuePair<string, string>>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        // They are for this process only.
        start.Environment.Remove("NOTIFY_SOCKET");
        foreach ((string name, string value) in environment ?? []) start.Environment[name] = value;
        var last = new LastLine();
        try
        {
            using Process process = Process.Start(start)!;
            process.OutputDataReceived += last.Take;
            process.ErrorDataReceived += last.Take;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            process.StandardInput.Close();
            if (!process.WaitForExit(limit))
            {
                process.Kill(entireProcessTree: true);
                said = $"{program} took longer than {limit.TotalSeconds:0} s and was killed";
                return false;
            }

            last.Wait();
            int status = process.ExitCode;
            said = status == 0 ? last.Text : $"{program} ended with status {status}{(last.Text.Length > 0 ? ": " + last.Text : "")}";
            return status == 0;
        }
        catch (Win32Exception e)
        {
            said = $"{program} cannot be run: {LastLine.Shorten(e.Message)}";
            return false;
        }
    }

    /// <summary>Whether a program is in PATH.</summary>
    public static bool Exists(string program)
        => (Environment.GetEnvironmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    // Called by the pool's threads, also after the run.
    private sealed class LastLine
    {
        private readonly object _gate = new();
        private int _open = 2;
        private string _text = "";

        public string Text
        {
            get
            {
                lock (_gate) return _text;
            }
        }

        public static string Shorten(string line) => PeerText.Escape(line, MaximumCharacters);

        public void Wait()
        {
            lock (_gate)
            {
                while (_open > 0 && Monitor.Wait(_gate, LastWordsLimit))
                {
                }
            }
        }

        public void Take(object sender, DataReceivedEventArgs line)
        {
            lock (_gate)
            {
                if (!string.IsNullOrWhiteSpace(line.Data)) _text = Shorten(line.Data);
                if (line.Data is not null) return;
                _open--;
                Monitor.PulseAll(_gate);
            }
        }
    }
}
