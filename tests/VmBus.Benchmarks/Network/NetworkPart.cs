using VmBus.Benchmarks.Guest;

namespace VmBus.Benchmarks.Network;

/// <summary>
/// iperf3 and ping between minimal guests and their host, each on a TAP: ours on either bus, and QEMU's virtio-net with the data path in QEMU and in the host's
/// kernel (vhost). All guests run at the same time and take turns at each job, so that what else the machine does meets all of them alike.
/// </summary>
internal sealed class NetworkPart : IBenchmarkPart
{
    private static readonly GuestMonitor[] Ours = [GuestMonitor.VmBus, GuestMonitor.VmBusVirtio];
    private static readonly GuestMonitor[] Peers = [GuestMonitor.VirtioNet, GuestMonitor.VhostNet];
    private static readonly GuestMonitor[] Monitors = [.. Ours, .. Peers];

    public string Name => "network";

    public string Summary => "iperf3 and ping of a guest against QEMU's virtio-net with and without vhost; exits, interrupts and wake-ups per MiB";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Read();
        NetworkJob[] jobs = NetworkJob.All(options.Quick);
        IEnumerable<string> ours = Ours.Select(static monitor => monitor.Name), peers = Peers.Select(static monitor => monitor.Name);
        string where = $"{GuestMonitor.Processors} vCPU, {GuestMonitor.MemoryMegabytes} MiB, TAP";
        ComparisonTable[] speed = report.AddTables($"iperf3 and ping, {where}, median of {options.Repeat}", ours, peers);
        ComparisonTable[] perMegabyte = report.AddTables($"Per MiB, {where}", ours, peers);
        HostCounters.Prepare();
        HostCommand.Run("modprobe", "tun");
        HostCommand.Run("modprobe", "vhost_net");
        var guests = new List<NetworkGuest>();
        try
        {
            foreach (GuestMonitor monitor in Monitors)
            {
                Console.Error.WriteLine($"network: starting {monitor.Name}");
                guests.Add(new NetworkGuest(environment, monitor));
            }

            for (int round = 0; round < options.Repeat; round++)
            {
                Console.Error.WriteLine($"network: round {round + 1} of {options.Repeat}");
                foreach (NetworkJob job in jobs)
                {
                    for (int turn = 0; turn < guests.Count; turn++) guests[(round + turn) % guests.Count].Measure(job, speed, perMegabyte);
                }
            }

            foreach (NetworkGuest guest in guests) guest.End();
        }
        finally
        {
            foreach (NetworkGuest guest in guests) guest.Dispose();
        }
    }
}
