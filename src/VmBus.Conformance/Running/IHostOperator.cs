namespace VmBus.Conformance.Running;

/// <summary>What an operator of the host under test does while a check looks at it as its guest.</summary>
/// <remarks>Called on the run's thread. What is asked for is begun and not waited for: what comes of it is the guest's to see.</remarks>
public interface IHostOperator
{
    /// <summary>Whether the guest's memory can be set.</summary>
    bool CanSetMemory { get; }

    /// <summary>Whether frames can be sent to the guest.</summary>
    bool CanDeliver { get; }

    /// <summary>Asks for the guest to have more or less memory.</summary>
    /// <param name="bytes">All that it is to have.</param>
    /// <returns>False while the host sees no driver that it could ask.</returns>
    bool TrySetMemory(long bytes);

    /// <summary>Has a frame come from the other end of the network adapter's cable.</summary>
    /// <param name="frame">From its destination on, without a checksum; 14 to 1514 bytes.</param>
    /// <returns>False while the host has nowhere to put it.</returns>
    bool TryDeliver(ReadOnlySpan<byte> frame);
}
