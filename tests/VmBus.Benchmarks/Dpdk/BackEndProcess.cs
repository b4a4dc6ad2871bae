using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Virtio.Network;
using VmBus.Virtio.VhostUser;

namespace VmBus.Benchmarks.Dpdk;

/// <summary>Whoever is at the other end of a front-end's socket: this project's network device, or DPDK's, on the first processor, in a process of its own.</summary>
internal static class BackEndProcess
{
    /// <summary>First argument of this program when it is a back-end.</summary>
    internal const string Command = "dpdk-back-end";

    private static readonly MacAddress Address = MacAddress.Read([0x52, 0x54, 0, 0, 0, 1]);

    /// <summary>Starts ours.</summary>
    internal static Process StartOurs(string socket, int frameBytes, int pollMicroseconds)
    {
        string[] arguments =
        [
            "-c", "0", "dotnet", "exec", typeof(BackEndProcess).Assembly.Location, Command, socket,
            frameBytes.ToString(CultureInfo.InvariantCulture), pollMicroseconds.ToString(CultureInfo.InvariantCulture),
        ];
        return Testpmd.Start("taskset", arguments);
    }

    /// <summary>Serves front-ends until standard input ends.</summary>
    internal static int Run(string socket, string frameBytes, string pollMicroseconds)
    {
        var options = new LaneOptions { PollTime = TimeSpan.FromMicroseconds(int.Parse(pollMicroseconds, CultureInfo.InvariantCulture)) };
        using Lane lane = Lane.Start("wire", NullLogger.Instance, options);
        var link = new WireEnd(int.Parse(frameBytes, CultureInfo.InvariantCulture));
        using var server = VhostUserServer.Listen(socket, () => new NetDevice(link, Address, 1), [lane], 1, NullLogger.Instance);
        Console.In.ReadToEnd();
        return 0;
    }
}
