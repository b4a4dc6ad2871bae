using System.Globalization;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Storage;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.Testbed;
using VmBus.TestKit.Tracing;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A trace of an unmodified guest from its first message on, made by <c>vmbus trace</c> and opened by tshark.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class TraceTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [Theory]
    [FullData("6.1")]
    [InlineData("6.12")]
    public async Task Trace_of_a_boot_has_every_channel_message_and_the_packets_of_disk_adapter_and_services(string kernel)
    {
        CommandResult result = await host.RunGuestAsync(
            MonitoredGuest.Start + $"kernel={kernel}\n" + "script='" + MonitoredGuest.Words +
            """
            node /dev/sda; dd if=/dev/sda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null
            until [ -d /sys/class/net/eth0 ]; do sleep 0.1; done; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
            until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done
            until dmesg | grep -q "Heartbeat IC version"; do sleep 0.1; done; tell ready
            sleep 100000
            '
            modprobe tun
            ip link delete tap0 2>/dev/null || true
            ip tuntap add tap0 mode tap multi_queue; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
            trap 'kill -9 $worker 2>/dev/null || true; ip link delete tap0; rm -rf "$work"' EXIT
            truncate -s 16M "$work/disk"
            export VMBUS_CONTROL=$work/control
            start_guest --cpus 2 --control "$VMBUS_CONTROL" --disk "$work/disk" --nic tap=tap0
            until [[ -S $VMBUS_CONTROL ]]; do sleep 0.1; done
            # The guest has not begun to speak: its kernel is being unpacked.
            "$VMBUS" trace --packets --out "$VMBUS_SHARE/boot.pcapng" >"$work/said" & tracer=$!
            wait_for 'mark ready'
            until "$VMBUS" heartbeat | grep -q '^OK'; do sleep 0.5; done
            "$VMBUS" stop --timeout 100
            wait $tracer; cat "$work/said"
            "$VMBUS" conformance --guest --trace "$VMBUS_SHARE/boot.pcapng" --name "minimal guest, kernel $kernel" --json "$VMBUS_SHARE/guest.json" --brief >&2
            ended
            """,
            Limit);
        string[] lines = result.EnsureSuccess().Output.Split('\n');
        string path = Path.Combine(host.Share, "boot.pcapng");
        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(await File.ReadAllBytesAsync(path), out long? lost);
        Assert.Equal(0, lost);
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{records.Count} records, {new FileInfo(path).Length} bytes, 0 lost"), lines[0]);

        IReadOnlyList<string[]> shown = await Tshark.FieldsAsync(
            path, "_ws.col.Info", "vmbus.trace.kind", "vmbus.msg.type", "vmbus.msg.interface_type", "vmbus.scsi.operation", "vmbus.nvsp.type", "vmbus.ic.type", "vmbus.scsi.opcode", "vmbus.ring.request_in");
        Assert.Equal(records.Count, shown.Count);
        // The guest's first word, the answer, and an offer of each device.
        string[] messages = [.. shown.Where(static row => row[1] == "1").Select(static row => row[0])];
        Assert.Equal(["INITIATE_CONTACT 5.3", "VERSION_RESPONSE accepted", "REQUEST_OFFERS"], messages.Take(3));
        string[] offered = [.. shown.Where(static row => row[2] == "1").Select(static row => row[3])];
        Assert.Contains(StorageInterface.Scsi.ToString(), offered);
        Assert.Contains(IntegrationServices.Heartbeat.InterfaceType.ToString(), offered);
        Assert.Contains(messages, static message => message.StartsWith("OPEN_CHANNEL ", StringComparison.Ordinal));
        // The handshake and reads of the disk, with their answers; the adapter's set-up; negotiations and beats.
        Assert.Contains(shown, static row => row[0].EndsWith("scsi] QueryProtocolVersion 6.2", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[0].Contains("ExecuteSrb LUN 0 READ (10) 65536 bytes", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[0].Contains("CompleteIo of ExecuteSrb LUN 0 Success 65536 bytes", StringComparison.Ordinal) && row[8].Length > 0);
        Assert.Contains(shown, static row => row[0].EndsWith("network] Initialize 6.1", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[0].EndsWith("network] SendRndisPacket Data", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[0].EndsWith("Shutdown: Negotiate 1.0 3.0 1.0 3.0 3.1 3.2", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[0].EndsWith("Heartbeat: Heartbeat answer", StringComparison.Ordinal));
        // What its drivers keep of the guest's rules, as far as a boot shows it.
        string report = KeptReport.Keep(Path.Combine(host.Share, "guest.json"), $"trace-{kernel}.json");
        if (kernel == "6.12") Assert.Equal(KeptReport.Kept("guest-6.12.json"), KeptReport.Verdicts(report));
        await Tshark.ShowAsync(path);
        File.Delete(path);
    }
}
