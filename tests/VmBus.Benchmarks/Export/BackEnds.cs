using System.Diagnostics;
using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Export;

/// <summary>The processes that serve the disks, and the guest that uses them.</summary>
internal sealed class BackEnds : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly List<Process> _processes = [];
    private readonly string[] _sockets;

    /// <summary>Where they listen, in the order of the disks.</summary>
    internal IReadOnlyList<string> Sockets => _sockets;

    /// <summary>Starts ours, ours that polls, and qemu-storage-daemon, and waits until they listen.</summary>
    internal BackEnds(string[] disks)
    {
        _sockets = [.. disks.Select(static disk => disk + ".sock")];
        string vmbus = BenchmarkEnvironment.Variable("VMBUS");
        try
        {
            Start(vmbus, "export", "blk", "--disk", disks[0], "--socket", _sockets[0], "--queues", "1");
            Start(vmbus, "export", "blk", "--disk", disks[1], "--socket", _sockets[1], "--queues", "1", "--poll", "50");
            Start(
                "qemu-storage-daemon",
                "--blockdev", $"driver=file,node-name=f0,filename={disks[2]},aio=threads,cache.direct=off,discard=unmap",
                "--blockdev", "driver=raw,node-name=d0,file=f0,discard=unmap",
                "--export", $"type=vhost-user-blk,id=e0,node-name=d0,addr.type=unix,addr.path={_sockets[2]},writable=on,num-queues=1");
            foreach (string socket in _sockets)
            {
                if (!SpinWait.SpinUntil(() => File.Exists(socket), StartLimit)) throw new InvalidOperationException($"nobody listens at {socket}");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs a script in a guest that has the disks in their order.</summary>
    /// <returns>What it prints, line by line.</returns>
    internal string[] RunGuest(string script)
    {
        string[] devices = [.. _sockets.SelectMany(static socket => new[] { "--device", socket + ":2" })];
        // The guest's own /tmp is empty, so the script goes along as text.
        var info = new ProcessStartInfo(BenchmarkEnvironment.Variable("VMBUS_UML"), [.. devices, "--timeout", "1500", "--", "bash", "-c", script])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process guest = Process.Start(info) ?? throw new InvalidOperationException("User-Mode Linux did not start");
        Task<string> messages = guest.StandardError.ReadToEndAsync();
        string output = guest.StandardOutput.ReadToEnd();
        guest.WaitForExit();
        if (guest.ExitCode != 0) throw new InvalidOperationException($"the guest ended with {guest.ExitCode}: {output}{messages.GetAwaiter().GetResult()}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited) process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private void Start(string program, params string[] arguments)
        => _processes.Add(Process.Start(program, arguments) ?? throw new InvalidOperationException($"{program} did not start"));
}
