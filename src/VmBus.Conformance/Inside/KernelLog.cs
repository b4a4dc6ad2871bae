using System.Text;
using VmBus.Native.Linux;

namespace VmBus.Conformance.Inside;

/// <summary>The messages that the guest's kernel still has. Source: Linux Documentation/ABI/testing/dev-kmsg.</summary>
internal static class KernelLog
{
    private const int RecordBytes = 8192;
    private const int MostBytes = 8 << 20;

    // Records were overwritten before they were read: the next read goes on behind them.
    private const int EPIPE = 32;

    /// <summary>The text of each message, oldest first; none where the log cannot be read.</summary>
    /// <param name="root">The folder that is <c>/</c>.</param>
    public static IReadOnlyList<string> Read(string root)
    {
        using LinuxFile? log = LinuxFile.TryOpen(Path.Combine(root, "dev/kmsg"), LinuxOpen.Read | LinuxOpen.NonBlocking, out _);
        if (log is null) return [];
        var text = new StringBuilder();
        byte[] record = new byte[RecordBytes];
        while (text.Length < MostBytes)
        {
            int bytes = DescriptorIo.Read(log.Descriptor, record);
            if (bytes == -EPIPE) continue;
            if (bytes <= 0) break;
            text.Append(Encoding.UTF8.GetString(record, 0, bytes));
        }

        return [.. text.ToString().Split('\n').Select(static line => line[(line.IndexOf(';', StringComparison.Ordinal) + 1)..])];
    }
}
