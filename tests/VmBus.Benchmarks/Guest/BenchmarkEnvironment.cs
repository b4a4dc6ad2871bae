using System.Globalization;

namespace VmBus.Benchmarks.Guest;

/// <summary>What the script <c>run</c> beside the project prepares for the parts that boot guests.</summary>
/// <param name="VmBus">The published <c>vmbus</c> program.</param>
/// <param name="Kernel">Debian's kernel, the same for every monitor.</param>
/// <param name="Initrd">The minimal guest.</param>
/// <param name="ToolsInitrd">The minimal guest with fio, iperf3 and <c>streams</c>.</param>
/// <param name="Streams">The program <c>streams</c> (Sockets/streams.c) for the host.</param>
/// <param name="Scratch">The folder for disks.</param>
/// <param name="PollMicroseconds">For how long monitors look for more work before they sleep; null for what each does by itself.</param>
internal sealed record BenchmarkEnvironment(string VmBus, string Kernel, string Initrd, string ToolsInitrd, string Streams, string Scratch, int? PollMicroseconds)
{
    internal static BenchmarkEnvironment Read()
    {
        string guests = Variable("VMBUS_GUESTS");
        return new BenchmarkEnvironment(
            Variable("VMBUS"), Path.Combine(guests, "vmlinuz-6.1"), Path.Combine(guests, "minimal-6.1"), Variable("VMBUS_TOOLS_INITRD"),
            Variable("VMBUS_STREAMS"), Variable("VMBUS_SCRATCH"),
            Environment.GetEnvironmentVariable("VMBUS_POLL") is { Length: > 0 } poll ? int.Parse(poll, CultureInfo.InvariantCulture) : null);
    }

    /// <summary>Whether the host is the testbed's emulated one.</summary>
    internal bool IsEmulated => Environment.GetEnvironmentVariable("VMBUS_TESTBED") == "emulated";

    /// <summary>The type of the file system that holds <see cref="Scratch"/>, such as "ext4".</summary>
    internal string FileSystem => new DriveInfo(Scratch).DriveFormat;

    internal static string Variable(string name)
        => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"{name} is not set: this part runs through tests/VmBus.Benchmarks/run");
}
