using System.Globalization;
using VmBus.Bus.Tracing;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;

namespace VmBus.Control.Verbs;

/// <summary>Reads what a client asks a trace to record. Source: protocol-spec/control-maps.md#tracerequest.</summary>
public static class TraceRequests
{
    private const string Socket = "socket";

    // A channel's device, or what tells its number.
    private static readonly string[] Devices = ["scsi", "network", "integration", "memory", Socket, "other"];

    /// <summary>What the bus is told.</summary>
    /// <exception cref="ControlException">A limit is beyond what may be, or a word is no channel.</exception>
    public static BusTraceOptions Read(TraceRequest request)
    {
        var options = new BusTraceOptions();
        return options with
        {
            Rings = request.Packets,
            Takes = Filter(request.Channels),
            MaximumRecords = InRange("count", request.Count ?? long.MaxValue, 1, long.MaxValue),
            SnapBytes = (int)InRange("snap", request.Snap ?? options.SnapBytes, PacketDescriptor.Size, BusTraceOptions.MostSnapBytes),
            BufferBytes = (int)InRange("buffer", request.Buffer ?? options.BufferBytes, BusTraceOptions.LeastBufferBytes, BusTraceOptions.MostBufferBytes),
        };
    }

    private static Func<uint, Guid, OfferFlags, bool>? Filter(IReadOnlyList<string> channels)
    {
        if (channels.Count == 0) return null;
        var numbers = new HashSet<uint>();
        var devices = new HashSet<string>(StringComparer.Ordinal);
        foreach (string word in channels)
        {
            if (uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)) numbers.Add(number);
            else if (Devices.Contains(word)) devices.Add(word);
            else throw new ControlException(ControlErrorCode.BadParameters, $"'{word}' is no channel: give its number, or one of {string.Join(", ", Devices)}.");
        }

        return (id, type, flags) => numbers.Contains(id) || (devices.Count > 0 && devices.Contains(DeviceOf(type, flags)));
    }

    private static string DeviceOf(Guid type, OfferFlags flags) => (flags & OfferFlags.TransportProvider) != 0 ? Socket : Reports.DeviceName(type);

    private static long InRange(string name, long value, long least, long most) => value >= least && value <= most
        ? value
        : throw new ControlException(ControlErrorCode.BadParameters, string.Create(CultureInfo.InvariantCulture, $"A {name} of {value} cannot be: give {least} to {most}."));
}
