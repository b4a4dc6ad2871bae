using VmBus.Fuzz.Engine;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.Providers.Tests.Integration;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>One integration service: answers of any bytes to negotiations and requests. Nothing closes the channel, one request is on its way at a time.</summary>
internal sealed class IntegrationTarget(IntegrationService service, string name) : IFuzzTarget
{
    // A file to copy of two pieces and a bit.
    private const int FileBytes = (2 * FileCopyMessages.MaximumDataBytes) + 5;

    // What one step can bring about: beats of a few minutes, and what waited.
    private const int MostRequests = 200;

    private readonly string? _file = service == IntegrationServices.FileCopy ? MakeFile() : null;

    /// <summary>The services, by their targets' names.</summary>
    public static IReadOnlyList<(string Name, IntegrationService Service)> Services { get; } =
    [
        ("ic-heartbeat", IntegrationServices.Heartbeat), ("ic-shutdown", IntegrationServices.Shutdown), ("ic-time", IntegrationServices.TimeSync),
        ("ic-kvp", IntegrationServices.KeyValueExchange), ("ic-backup", IntegrationServices.Backup), ("ic-file-copy", IntegrationServices.FileCopy),
    ];

    public string Name => name;

    public string What => $"answers to the integration service {service.Name}";

    public IEnumerable<byte[]> Seeds => [[2, 2, 2, 0], [2, 1, 0, 2], [2, 4, 0, 2, 2, 1, 4, 1, 2], [2, 4, 3, 2, 1, 1, 0, 2, 3, 9, 2], [2, 4, 1, 3, 255, 2, 4, 2, 2]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        var guest = new IntegrationGuest(service) { Negotiates = false };
        using BackupService? backup = service == IntegrationServices.Backup ? new BackupService(guest.Provider) : null;
        HeartbeatService? heartbeat = service == IntegrationServices.Heartbeat ? new HeartbeatService(guest.Provider) : null;
        TimeSyncService? time = service == IntegrationServices.TimeSync ? new TimeSyncService(guest.Provider, new FixedClock()) : null;
        KeyValueService? items = service == IntegrationServices.KeyValueExchange ? new KeyValueService(guest.Provider, [new KvpValue("HostName", "host")]) : null;
        ShutdownService? shutdown = service == IntegrationServices.Shutdown ? new ShutdownService(guest.Provider) : null;
        FileCopyService? files = service == IntegrationServices.FileCopy ? new FileCopyService(guest.Provider) : null;
        Func<byte, Task> ask = shutdown is not null ? choice => shutdown.RequestAsync((GuestShutdown)(choice % 3), (choice & 4) != 0, CancellationToken.None)
            : time is not null ? _ => time.SynchronizeAsync(CancellationToken.None)
            : backup is not null ? choice => Ask(backup, choice)
            : items is not null ? choice => Ask(items, choice)
            : files is not null ? choice => files.CopyAsync(_file!, "/tmp/", (FileCopyFlags)(choice & 3), CancellationToken.None)
            : static _ => Task.CompletedTask;
        Task asked = Task.CompletedTask;
        guest.Open();
        while (!steps.IsEmpty)
        {
            int before = guest.Requests.Count + guest.Negotiations.Count;
            GuestRequest last = guest.Requests.Count > 0 ? guest.Requests[^1] : guest.Negotiations[^1];
            switch (steps.Byte() % 5)
            {
                case 0:
                    guest.Send(steps.Block(200), steps.Number(), (PacketType)steps.Below(16));
                    break;
                case 1:
                    byte[] packet = [.. last.Packet];
                    steps.Change(packet);
                    packet[25] = (byte)(IntegrationFlags.Transaction | IntegrationFlags.Response);
                    guest.Send(packet[..Math.Max(0, packet.Length - steps.Byte())], steps.Byte() < 200 ? last.Id : ulong.MaxValue);
                    break;
                case 2:
                    if (guest.Requests.Count == 0) guest.Negotiate(last);
                    else guest.Answer(last, (IntegrationStatus)(steps.Byte() < 128 ? 0 : steps.UInt32()));
                    LetGoOn(guest, asked);
                    break;
                case 3:
                    guest.Advance(TimeSpan.FromSeconds(steps.Byte()));
                    break;
                default:
                    asked = ask(steps.Byte());
                    // How it ends is the guest's to say.
                    if (!asked.IsCompletedSuccessfully) _ = asked.ContinueWith(static task => task.Exception, TaskScheduler.Default);
                    break;
            }

            guest.RunLane();
            Must(guest.Closes == 0, "A packet closes the channel.");
            Must(guest.Requests.Count + guest.Negotiations.Count - before <= MostRequests, "Requests without end.");
            if (heartbeat?.Describe() is { } beats) Must(beats.Answered >= 0 && beats.Missed >= 0 && beats.Answered <= guest.Requests.Count, "More beats than were asked for.");
        }

        guest.Close();
        guest.RunLane();
        Must(guest.Closes == 1, "A channel that is closed does not end.");
    }

    public void Dispose()
    {
        if (_file is not null) File.Delete(_file);
    }

    // What follows an answer is asked from another thread: it gets a moment.
    private static void LetGoOn(IntegrationGuest guest, Task asked)
    {
        int before = guest.Requests.Count;
        for (int spins = 0; spins < 100 && !asked.IsCompleted && guest.Requests.Count == before; spins++)
        {
            Thread.SpinWait(20);
            guest.RunLane();
        }
    }

    private static Task Ask(BackupService backup, byte choice)
        => (choice & 1) == 0 ? backup.FreezeAsync(TimeSpan.FromSeconds(1 + choice), CancellationToken.None) : backup.ThawAsync(CancellationToken.None);

    private static Task Ask(KeyValueService items, byte choice) => (choice % 6) switch
    {
        0 => items.GetAsync(KvpPool.Guest, "key", CancellationToken.None),
        1 => items.ListAsync(KvpPool.Auto, CancellationToken.None),
        2 => items.SetAsync(KvpPool.External, "key", "value", CancellationToken.None),
        3 => items.RemoveAsync(KvpPool.External, "key", CancellationToken.None),
        4 => items.GetAddressesAsync("02:00:00:00:00:01", CancellationToken.None),
        _ => items.SetAddressesAsync(KvpAddresses.Of("02:00:00:00:00:01") with { Families = KvpAddressFamilies.IPv4, Dhcp = true }, CancellationToken.None),
    };

    private static string MakeFile()
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[FileBytes]);
        return path;
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
