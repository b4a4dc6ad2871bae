using VmBus.Conformance.Checks.Bus;
using VmBus.Conformance.Running;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>The storage controller's offer, handshake and sub-channels. Source: protocol-spec/storage.md.</summary>
internal static class StorageChecks
{
    private static readonly VstorOperation[] NotForGuests =
        [0, VstorOperation.CompleteIo, VstorOperation.RemoveDevice, VstorOperation.EnumerateBus, (VstorOperation)14, (VstorOperation)1000, (VstorOperation)uint.MaxValue];

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("ST-1", OffersPlainly),
        new("ST-2", AnswersInLength),
        new("ST-3", AnswersWithCompleteIo),
        new("ST-4", SilentToNotices),
        new("ST-5", RefusesOperations),
        new("ST-6", RefusesShortPackets),
        new("ST-7", KeepsTheOrder),
        new("ST-8", RefusesVersions),
        new("ST-9", SpeaksAVersion),
        new("ST-10", AnnouncesTransfers),
        new("ST-11", BeginsAgain),
        new("ST-21", ResetsLast),
        new("ST-22", BoundsSubchannels),
        new("ST-23", ServesSubchannels),
        new("ST-24", SilentBeforeCommands),
    ];

    private static string OffersPlainly(Bench bench)
    {
        _ = bench.ConnectAndList();
        OfferChannel offer = StorageBench.Find(bench);
        Bench.Must(offer.Flags == OfferFlags.None, $"The offer has flags {offer.Flags}.");
        Bench.Must(offer.UserDefined.Span.IndexOfAnyExcept((byte)0) < 0, "The offer's user-defined area is not empty.");
        return $"channel {offer.ChannelId}, flags 0";
    }

    private static string AnswersInLength(Bench bench)
    {
        StorageBench storage = StorageBench.Open(bench);
        foreach (int bytes in new[] { 48, 56, 64, 72, 128 })
        {
            StorageAnswer answer = storage.Ask(StorageBench.Packet(VstorOperation.BeginInitialization, bytes: bytes), $"A request of {bytes} bytes");
            int expected = Math.Clamp(bytes, 48, 64);
            Bench.Must(answer.Packet.Payload.Length == expected, $"A request of {bytes} bytes was answered with {answer.Packet.Payload.Length}.");
        }

        return "48, 56, 64, 72 and 128 bytes were answered with 48, 56, 64, 64 and 64";
    }

    private static string AnswersWithCompleteIo(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        foreach (StorageAnswer answer in new[] { storage.Ask(VstorOperation.QueryProperties), storage.Command(0x00), storage.Command(0x00, lun: 200), storage.Ask((VstorOperation)99) })
            Bench.Must(answer.Header is { Operation: VstorOperation.CompleteIo, Flags: 0 }, $"An answer had {answer.Header}.");
        return "answers to a query, two commands and an unknown operation";
    }

    private static string SilentToNotices(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        storage.Channel.Send(StorageBench.Srb([0x00], 0, SrbDirection.Unknown), 0);
        storage.Channel.Send(StorageBench.Packet(VstorOperation.QueryProperties), 0);
        _ = storage.Ask(VstorOperation.QueryProperties);
        return "a command and a query with id 0, no answer";
    }

    private static string RefusesOperations(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        foreach (VstorOperation operation in NotForGuests) Is(storage.Ask(operation), StorageStatus.InvalidDeviceRequest, $"Operation {(uint)operation:x}");
        return $"{NotForGuests.Length} operations";
    }

    private static string RefusesShortPackets(Bench bench)
    {
        StorageBench storage = StorageBench.Open(bench);
        foreach (int bytes in new[] { 0, 8, 16, 40 })
        {
            byte[] packet = StorageBench.Packet(VstorOperation.BeginInitialization, bytes: Math.Max(bytes, VstorHeader.Size));
            Is(storage.Ask(packet[..bytes], $"A packet of {bytes} bytes"), StorageStatus.InvalidParameter, $"A packet of {bytes} bytes");
        }

        Bench.Must(storage.Begin(), "The channel does not go on.");
        return "0, 8, 16 and 40 bytes";
    }

    private static string KeepsTheOrder(Bench bench)
    {
        StorageBench storage = StorageBench.Open(bench);
        foreach (VstorOperation operation in new[]
        {
            VstorOperation.QueryProtocolVersion, VstorOperation.QueryProperties, VstorOperation.EndInitialization, VstorOperation.CreateSubchannels,
            VstorOperation.ExecuteSrb, VstorOperation.ResetBus, VstorOperation.ResetLun, VstorOperation.ResetAdapter,
        })
            Is(storage.Ask(operation, 0x0602), StorageStatus.InvalidDeviceState, $"{operation} before the handshake");
        Bench.Must(storage.Begin(), "BeginInitialization failed.");
        foreach (VstorOperation operation in new[] { VstorOperation.QueryProperties, VstorOperation.EndInitialization, VstorOperation.ExecuteSrb })
            Is(storage.Ask(operation), StorageStatus.InvalidDeviceState, $"{operation} before a version");
        storage.Handshake();
        foreach (VstorOperation operation in new[] { VstorOperation.QueryProtocolVersion, VstorOperation.EndInitialization })
            Is(storage.Ask(operation, 0x0602), StorageStatus.InvalidDeviceState, $"{operation} after the handshake");
        return "eight requests before, three without a version, two after";
    }

    private static string RefusesVersions(Bench bench)
    {
        StorageBench storage = StorageBench.Open(bench);
        Bench.Must(storage.Begin(), "BeginInitialization failed.");
        foreach (ushort version in new ushort[] { 0, 0x0100, 0x0601, 0x0700, 0xFFFF })
            Is(storage.Ask(VstorOperation.QueryProtocolVersion, version), StorageStatus.RevisionMismatch, $"Version {version:x}");
        storage.Handshake();
        return $"five refused, then {storage.Version}";
    }

    private static string SpeaksAVersion(Bench bench)
    {
        StorageBench storage = StorageBench.Open(bench);
        Bench.Must(storage.Begin(), "BeginInitialization failed.");
        VstorVersion[] spoken = [.. new[] { VstorVersion.Win8, VstorVersion.Win81, VstorVersion.Win10 }
            .Where(version => storage.Ask(VstorOperation.QueryProtocolVersion, (ushort)version).Header.Status == StorageStatus.Success)];
        Bench.Must(spoken.Length > 0, "None of 5.1, 6.0 and 6.2 was taken.");
        return string.Join(", ", spoken);
    }

    private static string AnnouncesTransfers(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        Bench.Must(storage.TransferBytes > 0 && storage.TransferBytes % Gpa.PageBytes == 0, $"The largest transfer is {storage.TransferBytes}.");
        return $"{storage.TransferBytes} bytes";
    }

    private static string BeginsAgain(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        for (int round = 0; round < 10; round++)
        {
            _ = storage.Command(0x00);
            storage.Handshake();
        }

        return "ten handshakes on one channel";
    }

    private static string ResetsLast(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        (byte lun, PageRun buffer) = storage.FindDisk();
        byte[] ranges = StorageBench.Ranges(Gpa.PageBytes, 0, buffer.FirstPage);
        const int Commands = 50;
        for (ulong id = 1; id <= Commands; id++)
            storage.Channel.Send(StorageBench.Srb([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], 512, SrbDirection.Read, lun), id, PacketType.DataUsingGpaDirect, ranges);
        storage.Channel.Send(StorageBench.Packet(VstorOperation.ResetBus), Commands + 1);
        var completed = new List<ulong>();
        while (completed.Count <= Commands) completed.Add(storage.Channel.Expect($"Answer {completed.Count} of 50 commands and a reset").Descriptor.TransactionId);
        Bench.Must(completed[^1] == Commands + 1, $"The reset was answered before {Commands - completed.IndexOf(Commands + 1)} commands.");
        Bench.Must(completed.Distinct().Count() == completed.Count, "A command was answered twice.");
        return $"{Commands} commands, then the reset";
    }

    private static string BoundsSubchannels(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        Is(storage.Ask(VstorOperation.CreateSubchannels, (ushort)(storage.Subchannels + 1)), StorageStatus.InvalidParameter, $"{storage.Subchannels + 1} sub-channels");
        Is(storage.Ask(VstorOperation.CreateSubchannels, ushort.MaxValue), StorageStatus.InvalidParameter, "65535 sub-channels");
        return $"{storage.Subchannels} announced, more refused";
    }

    private static string ServesSubchannels(Bench bench)
    {
        OfferChannel offer = RescindChecks.Subchannels(bench, out _)[0];
        StorageBench sub = StorageBench.On(bench, bench.Open(offer));
        StorageAnswer answer = sub.Command(0x00, lun: 250);
        Bench.Must(answer.Block.SrbStatus == SrbStatus.InvalidLun, $"A command on a sub-channel ended with {answer.Block.SrbStatus}.");
        foreach (VstorOperation operation in new[] { VstorOperation.BeginInitialization, VstorOperation.QueryProperties, VstorOperation.CreateSubchannels, VstorOperation.ResetBus })
            Is(sub.Ask(operation), StorageStatus.InvalidDeviceRequest, $"{operation} on a sub-channel");
        return "a command served, four other requests refused";
    }

    private static string SilentBeforeCommands(Bench bench)
    {
        StorageBench storage = StorageBench.Ready(bench);
        Bench.Must(storage.Channel.Take(TimeSpan.FromMilliseconds(200)) is null, "Something came before the first command.");
        return "nothing came for 0.2 s after the handshake";
    }

    internal static void Is(StorageAnswer answer, StorageStatus status, string what)
        => Bench.Must(answer.Header.Status == status, $"{what} was answered with {(uint)answer.Header.Status:x}, not {status}.");
}
