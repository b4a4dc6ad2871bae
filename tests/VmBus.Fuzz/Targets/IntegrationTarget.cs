using VmBus.Fuzz.Engine;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.Providers.Tests.Integration;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>The integration services: answers of any bytes to negotiations and requests. Nothing closes the channel, one request is on its way at a time.</summary>
internal sealed class IntegrationTarget : IFuzzTarget
{
    public string Name => "integration";

    public string What => "answers to the integration services";

    public IEnumerable<byte[]> Seeds => [[0, 2, 2, 2, 0], [1, 2, 1, 0, 2], [2, 2, 3, 2, 2], [3, 2, 2, 1, 1, 0, 2], [5, 2, 2, 2]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        IntegrationService service = IntegrationServices.All[steps.Below(IntegrationServices.All.Count)];
        var guest = new IntegrationGuest(service) { Negotiates = false };
        using BackupService? backup = service == IntegrationServices.Backup ? new BackupService(guest.Provider) : null;
        _ = service == IntegrationServices.Heartbeat ? new HeartbeatService(guest.Provider) : null;
        _ = service == IntegrationServices.TimeSync ? new TimeSyncService(guest.Provider, new FixedClock()) : null;
        KeyValueService? items = service == IntegrationServices.KeyValueExchange ? new KeyValueService(guest.Provider, []) : null;
        guest.Open();
        while (!steps.IsEmpty)
        {
            GuestRequest? last = guest.Requests.Count > 0 ? guest.Requests[^1] : guest.Negotiations[^1];
            switch (steps.Byte() % 5)
            {
                case 0:
                    guest.Send(steps.Block(200), steps.Number(), (PacketType)steps.Below(16));
                    break;
                case 1:
                    byte[] packet = [.. last.Packet];
                    steps.Change(packet);
                    packet[25] = 5;
                    guest.Send(packet[..Math.Max(0, packet.Length - steps.Byte())], steps.Byte() < 200 ? last.Id : ulong.MaxValue);
                    break;
                case 2:
                    if (guest.Requests.Count == 0) guest.Negotiate(last);
                    else guest.Answer(last, (IntegrationStatus)(steps.Byte() < 128 ? 0 : steps.UInt32()));
                    break;
                case 3:
                    guest.Advance(TimeSpan.FromSeconds(steps.Byte()));
                    break;
                default:
                    Ask(items);
                    break;
            }

            guest.RunLane();
            Must(guest.Closes == 0, "A packet closes the channel.");
            Must(guest.Requests.Count + guest.Negotiations.Count <= 2000, "Requests without end.");
        }

        guest.Close();
        guest.RunLane();
        Must(guest.Closes == 1, "A channel that is closed does not end.");
    }

    public void Dispose()
    {
    }

    private static void Ask(KeyValueService? items)
    {
        if (items is null) return;
        // How it ends is the guest's to say.
        _ = items.GetAsync(KvpPool.Guest, "key", CancellationToken.None).ContinueWith(static task => task.Exception, TaskScheduler.Default);
        _ = items.ListAsync(KvpPool.Auto, CancellationToken.None).ContinueWith(static task => task.Exception, TaskScheduler.Default);
    }

    private sealed class FixedClock : IGuestClock
    {
        public bool TryRead(out DateTime utc, out ulong reference)
        {
            (utc, reference) = (DateTime.UnixEpoch, 1);
            return true;
        }
    }
}
