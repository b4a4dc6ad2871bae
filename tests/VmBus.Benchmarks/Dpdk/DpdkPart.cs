using System.Diagnostics;
using System.Globalization;

namespace VmBus.Benchmarks.Dpdk;

/// <summary>
/// Packets per second of a vhost-user network device: DPDK's driver (testpmd, virtio-user), which polls, and at the other end ours, ours that
/// polls, or DPDK's net_vhost, which polls. The driver counts. Each end has a processor of its own.
/// </summary>
internal sealed class DpdkPart : IBenchmarkPart
{
    private const string Ours = "vmbus";
    private const string Polling = "vmbus --poll";
    private const string Peer = "net_vhost";
    private const int PollMicroseconds = 50;

    private static readonly string[] Columns = [Ours, Polling, Peer];

    private static readonly (int Bytes, bool Sends, bool Packed)[] Jobs =
        [(64, true, false), (1500, true, false), (64, true, true), (1500, true, true), (64, false, false), (1500, false, false), (64, false, true), (1500, false, true)];

    public string Name => "dpdk";

    public string Summary => "packets per second of DPDK's virtio driver on a vhost-user network device: ours beside DPDK's net_vhost";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        ComparisonTable plain = report.AddTable("Packets per second of DPDK's virtio-user", Ours, Peer);
        ComparisonTable polled = report.AddTable($"The same, ours with --poll {PollMicroseconds}", Polling, Peer);
        string folder = Directory.CreateTempSubdirectory("vmbus-dpdk-").FullName;
        // Where the front-end and the back-end keep their files.
        Environment.SetEnvironmentVariable("RUNTIME_DIRECTORY", folder);
        try
        {
            for (int round = 0; round < options.Repeat; round++)
            {
                foreach ((int bytes, bool sends, bool packed) in Jobs)
                {
                    string row = string.Create(CultureInfo.InvariantCulture, $"{bytes} B {(sends ? "to" : "from")} the back-end, {(packed ? "packed" : "split")}");
                    for (int turn = 0; turn < Columns.Length; turn++)
                    {
                        string column = Columns[(turn + round) % Columns.Length];
                        double rate = Measure(folder, column, bytes, sends, packed, options.Quick ? 1 : 3) / 1e6;
                        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"dpdk: {row}, {column}: {rate:F2} Mpps"));
                        if (column != Polling) plain.Add(row, "Mpps", column, rate);
                        if (column != Ours) polled.Add(row, "Mpps", column, rate);
                    }
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Measure(string folder, string column, int bytes, bool sends, bool packed, int seconds)
    {
        string socket = Path.Combine(folder, "socket");
        string length = string.Create(CultureInfo.InvariantCulture, $"--txpkts={bytes}");
        Process back = column == Peer
            ? Testpmd.Start(Path.Combine(folder, "back"), 0, $"net_vhost0,iface={socket},queues=1", sends ? "--forward-mode=rxonly" : "--forward-mode=txonly", length)
            : BackEndProcess.StartOurs(socket, sends ? 0 : bytes, column == Polling ? PollMicroseconds : 0);
        Drain(back);
        Process? front = null;
        try
        {
            if (!SpinWait.SpinUntil(() => File.Exists(socket) || back.HasExited, TimeSpan.FromSeconds(30)) || back.HasExited)
                throw new InvalidOperationException($"{column} does not listen at {socket}");
            front = Testpmd.Start(
                Path.Combine(folder, "front"), 1, $"virtio_user0,path={socket},packed_vq={(packed ? 1 : 0)}", sends ? "--forward-mode=txonly" : "--forward-mode=rxonly", length);
            front.ErrorDataReceived += static (_, _) => { };
            front.BeginErrorReadLine();
            return Testpmd.Rate(front, sends ? "Tx-pps:" : "Rx-pps:", seconds);
        }
        finally
        {
            if (front is not null) Testpmd.End(front);
            Testpmd.End(back);
            File.Delete(socket);
        }
    }

    private static void Drain(Process process)
    {
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }
}
