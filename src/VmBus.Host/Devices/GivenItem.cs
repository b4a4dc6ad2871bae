using VmBus.Native.Linux;

namespace VmBus.Host.Devices;

/// <summary>Something that was given, until it is taken.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">What it is known by.</param>
/// <param name="Detail">More about it; empty for nothing.</param>
/// <param name="Files">Its descriptors.</param>
internal sealed record GivenItem(GivenKind Kind, string Text, string Detail, IReadOnlyList<LinuxFile> Files) : IDisposable
{
    /// <summary>When it was given, in milliseconds of a clock that only goes forward.</summary>
    public long SinceMs { get; } = Environment.TickCount64;

    /// <summary>Closes it, when nobody has taken it.</summary>
    public void Dispose()
    {
        foreach (LinuxFile file in Files) file.Dispose();
    }
}
