using System.Diagnostics;
using System.Globalization;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;

namespace VmBus.Benchmarks.Ring;

/// <summary>The other process of the ring measurements: started by this one, told by lines on its standard input what to do.</summary>
internal sealed class RingPeerProcess : IDisposable
{
    /// <summary>First word of the command line that starts it.</summary>
    internal const string Command = "ring-peer";

    private readonly Process _process;

    private RingPeerProcess(Process process, EventFd signalsParent, EventFd signalsPeer)
    {
        _process = process;
        SignalsParent = signalsParent;
        SignalsPeer = signalsPeer;
    }

    /// <summary>The eventfd that the peer signals.</summary>
    internal EventFd SignalsParent { get; }

    /// <summary>The eventfd that wakes the peer.</summary>
    internal EventFd SignalsPeer { get; }

    /// <summary>Starts the process over the rings in <paramref name="file"/>: ring 0 goes to it, ring 1 comes from it.</summary>
    internal static RingPeerProcess Start(MemoryFile file, int pages)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        if (Environment.ProcessPath!.EndsWith("/dotnet", StringComparison.Ordinal))
            start.ArgumentList.Add(typeof(RingPeerProcess).Assembly.Location);
        start.ArgumentList.Add(Command);
        start.ArgumentList.Add($"/proc/{Environment.ProcessId}/fd/{file.Descriptor}");
        start.ArgumentList.Add(pages.ToString(CultureInfo.InvariantCulture));
        Process process = Process.Start(start)!;
        // The peer makes the eventfds: a parent may copy descriptors of its child, but not always the other way round.
        string line = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The peer process did not start.");
        string[] words = line.Split(' ');
        return new RingPeerProcess(
            process,
            EventFd.CopyFromProcess(process.Id, int.Parse(words[0], CultureInfo.InvariantCulture)),
            EventFd.CopyFromProcess(process.Id, int.Parse(words[1], CultureInfo.InvariantCulture)));
    }

    /// <summary>Has the peer do something; it says when it is done.</summary>
    internal void Begin(string work, int count) => _process.StandardInput.WriteLine($"{work} {count}");

    /// <summary>Waits for the end of what was begun.</summary>
    /// <returns>Signals that the peer has sent in all.</returns>
    internal long End()
    {
        string line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The peer process ended early.");
        return long.Parse(line, CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
        SignalsParent.Dispose();
        SignalsPeer.Dispose();
    }

    /// <summary>The process itself.</summary>
    internal static int Run(string path, string pageCount)
    {
        int pages = int.Parse(pageCount, CultureInfo.InvariantCulture);
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using EventFd toParent = EventFd.Create();
        using EventFd toThis = EventFd.Create();
        RingMapping input = RingEnd.Map(file, 0, pages);
        RingMapping output = RingEnd.Map(file, 1, pages);
        using var end = new RingEnd(input, output, toThis, toParent);
        Console.WriteLine($"{toParent.Descriptor} {toThis.Descriptor}");
        while (Console.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            int count = int.Parse(words[1], CultureInfo.InvariantCulture);
            switch (words[0])
            {
                case "echo":
                    RingWork.Echo(end, count, spin: false);
                    break;
                case "echo-spinning":
                    RingWork.Echo(end, count, spin: true);
                    break;
                case "produce":
                    RingWork.Produce(end, count);
                    break;
                case "consume":
                    RingWork.Consume(end, count);
                    break;
                default:
                    return 2;
            }

            Console.WriteLine(end.Signals.ToString(CultureInfo.InvariantCulture));
        }

        return 0;
    }
}
