using System.Runtime.InteropServices;
using System.Text;
using VmBus.Native.Linux;

namespace VmBus.Native.Kvm;

/// <summary>The kernel's counters of a VM or a vCPU, by name: exits, io_exits, mmio_exits, hypercalls, irq_injections and so on.</summary>
/// <remarks>Any thread; reading does not disturb the guest. Source: Linux Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD.</remarks>
internal sealed partial class KvmStatistics : KvmDescriptor
{
    // Far beyond what any kernel has (about 60 counters, 48 bytes of name); guards the size of the buffers.
    private const int MaximumCounters = 4096;
    private const int MaximumNameBytes = 256;
    private const int MaximumDataOffset = 1 << 20;

    private (string Name, int Offset)[] _counters = [];
    private long _dataOffset;
    private int _dataBytes;

    private KvmStatistics(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Takes over a statistics descriptor and reads what it holds.</summary>
    /// <exception cref="LinuxException">The file cannot be read; the descriptor is closed then.</exception>
    internal static KvmStatistics Create(int descriptor)
    {
        var statistics = new KvmStatistics(descriptor);
        try
        {
            statistics.ReadDescriptors();
            return statistics;
        }
        catch
        {
            statistics.Dispose();
            throw;
        }
    }

    /// <summary>Reads every counter that is one number (histograms are left out).</summary>
    /// <exception cref="LinuxException">The file cannot be read.</exception>
    internal Dictionary<string, ulong> Read()
    {
        byte[] data = new byte[_dataBytes];
        ReadExactly(_dataOffset, data);
        var values = new Dictionary<string, ulong>(_counters.Length, StringComparer.Ordinal);
        foreach ((string name, int offset) in _counters) values[name] = MemoryMarshal.Read<ulong>(data.AsSpan(offset));
        return values;
    }

    private static bool IsSingleValue(in kvm_stats_desc entry)
        => entry.size == 1 && (entry.flags & KvmConstant.KVM_STATS_TYPE_MASK) <= KvmConstant.KVM_STATS_TYPE_PEAK && entry.offset < MaximumDataOffset;

    private unsafe void ReadDescriptors()
    {
        var header = default(kvm_stats_header);
        ReadExactly(0, MemoryMarshal.AsBytes(new Span<kvm_stats_header>(ref header)));
        if (header.num_desc > MaximumCounters || header.name_size > MaximumNameBytes)
            throw new LinuxException($"KVM's statistics describe {header.num_desc} counters with {header.name_size} bytes of name", Errno.EINVAL);

        int stride = sizeof(kvm_stats_desc) + (int)header.name_size;
        byte[] descriptors = new byte[stride * (int)header.num_desc];
        ReadExactly(header.desc_offset, descriptors);
        var counters = new List<(string, int)>((int)header.num_desc);
        for (int at = 0; at < descriptors.Length; at += stride)
        {
            var entry = MemoryMarshal.Read<kvm_stats_desc>(descriptors.AsSpan(at));
            if (!IsSingleValue(entry)) continue;
            ReadOnlySpan<byte> name = descriptors.AsSpan(at + sizeof(kvm_stats_desc), (int)header.name_size);
            int end = name.IndexOf((byte)0);
            counters.Add((Encoding.ASCII.GetString(end < 0 ? name : name[..end]), (int)entry.offset));
            _dataBytes = Math.Max(_dataBytes, (int)entry.offset + sizeof(ulong));
        }

        _counters = [.. counters];
        _dataOffset = header.data_offset;
    }

    private unsafe void ReadExactly(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            nint done;
            // SAFETY: the span is pinned for the call and its own length is the limit.
            fixed (byte* address = destination) done = pread(this, (nint)address, destination.Length, offset);
            if (done <= 0) throw new LinuxException("Reading KVM's statistics failed", done < 0 ? Marshal.GetLastPInvokeError() : Errno.EIO);
            destination = destination[(int)done..];
            offset += done;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(KvmStatistics file, nint buffer, nint bytes, long offset);
}
