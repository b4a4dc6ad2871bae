using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.Cli.Exec;

/// <summary>Descriptors of this process that are a command's in the guest.</summary>
/// <param name="Input">What it reads.</param>
/// <param name="Output">What it writes to.</param>
/// <param name="ErrorOutput">Where its errors go.</param>
internal sealed record ExecStreams(int Input, int Output, int ErrorOutput)
{
    /// <summary>This process's own.</summary>
    public static ExecStreams Standard { get; } = new(0, 1, 2);

    /// <summary>The size of the terminal here; 0 where there is none.</summary>
    public ExecWindowSize Size()
    {
        (ushort rows, ushort columns) = TerminalMode.SizeOf(Input) ?? TerminalMode.SizeOf(Output) ?? (0, 0);
        return new ExecWindowSize(rows, columns);
    }
}
