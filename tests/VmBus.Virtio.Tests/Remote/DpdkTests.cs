using System.Diagnostics;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Virtio.Network;
using VmBus.Virtio.Tests.Network;
using VmBus.Virtio.Tests.VhostUser;
using VmBus.Virtio.VhostUser;
using Xunit;
using static VmBus.Virtio.Tests.Remote.RemoteLinkBench;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>Frames to and from Debian's dpdk-testpmd, which gives back whatever it gets, as a back-end and as a front-end.</summary>
public sealed class DpdkTests : IDisposable
{
    private const int Frames = 5000;
    private static readonly int[] Lengths = [60, 61, 64, 300, 1024, 1500, 1514];
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-virtio-").FullName;
    private readonly Export _log = new();
    private Process? _testpmd;

    private string Socket => Path.Combine(_folder, "s");

    public void Dispose()
    {
        if (_testpmd is { } process)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        _log.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Frames_come_back_from_its_back_end_as_they_were_sent()
    {
        Start($"net_vhost0,iface={Socket},queues=1");
        Await(() => File.Exists(Socket));
        using var bench = new RemoteLinkBench(Socket);
        // What is sent before the port has started is nobody's.
        Await(() =>
        {
            bench.Send(Frame(Own, 60));
            return bench.Received.Count > 0;
        });
        for (int i = 0; i < Frames; i++)
        {
            byte[] frame = Numbered(i);
            int before = bench.Received.Count;
            bench.Send(frame);
            Await(() => bench.Received.Skip(before).Any(received => received.AsSpan().SequenceEqual(frame)));
            if (i % 100 == 0) bench.Forget();
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Frames_come_back_from_its_front_end_as_they_were_delivered(int packed)
    {
        using Lane lane = Lane.Start("back", _log, new LaneOptions());
        var link = new ScriptedLink();
        using var server = VhostUserServer.Listen(Socket, () => new NetDevice(link, MacAddress.Read(Own), 1), [lane], 1, _log);
        Start($"virtio_user0,path={Socket},mac=52:54:00:00:00:01,packed_vq={packed}");
        Await(() => Look(lane, () => link.IsOpen && link.Receive(Frame(Own, 60)) && link.SentFrames.Count > 0));
        for (int i = 0; i < Frames; i++)
        {
            byte[] frame = Numbered(i);
            Await(() => Look(lane, () => link.Receive(frame)));
            Await(() => Look(lane, () => link.SentFrames.Any(sent => sent.Frame.AsSpan().SequenceEqual(frame))));
            if (i % 100 == 0) Look(lane, () => link.SentFrames.RemoveAll(static _ => true));
        }
    }

    private static byte[] Numbered(int number)
    {
        byte[] frame = Frame(Own, Lengths[number % Lengths.Length]);
        BitConverter.TryWriteBytes(frame.AsSpan(20), number);
        return frame;
    }

    // It polls on one processor, needs no huge pages, and ends when its input does.
    private void Start(string device)
    {
        string[] arguments =
        [
            "--lcores", "0@0,1@0", "--no-pci", "--no-telemetry", "--no-huge", "-m", "256", "--file-prefix", Path.GetFileName(_folder), "--vdev", device,
            "--", "--forward-mode=io", "--port-topology=loop", "--total-num-mbufs=4096", "--no-mlockall", "--auto-start", "--interactive",
        ];
        var start = new ProcessStartInfo("dpdk-testpmd", arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        // Where it keeps its files while it runs.
        start.Environment["RUNTIME_DIRECTORY"] = _folder;
        _testpmd = Process.Start(start)!;
        _testpmd.OutputDataReceived += static (_, _) => { };
        _testpmd.ErrorDataReceived += static (_, _) => { };
        _testpmd.BeginOutputReadLine();
        _testpmd.BeginErrorReadLine();
    }
}
