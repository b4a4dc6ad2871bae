using VmBus.Native.Linux;

namespace VmBus.GuestTools.Daemon;

/// <summary>A part of the daemon, with a thread of its own.</summary>
internal interface IGuestService
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>Serves until <paramref name="stop"/> is signalled, which it leaves signalled, or until there is nothing to serve.</summary>
    /// <returns>Whether it ended as it should.</returns>
    bool Run(EventFd stop);
}
