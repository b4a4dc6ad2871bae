using VmBus.Machine.Pci;
using VmBus.Native.Linux;

namespace VmBus.Machine.Tests.Pci;

/// <summary>A device whose registers are bytes, with one doorbell and two messages.</summary>
internal sealed class FakePciDevice : IPciDevice, IDisposable
{
    internal const int DoorbellAt = 0x1000;
    private readonly EventFd[] _messages = [EventFd.Create(), EventFd.Create()];

    public PciIdentity Identity => new(0x1AF4, 0x1042, 0x1042, 0x01_00_00, 1);

    // The second reaches registers; the first only has content.
    public IReadOnlyList<byte[]> Capabilities { get; } = [[9, 0xEE, 6, 1, 0x55, 0x66], [9, 0, 20, 5, .. new byte[16]]];

    public int AccessCapability => 1;

    public IReadOnlyList<(int Offset, EventFd Target)> Doorbells => [(DoorbellAt, Doorbell)];

    public IReadOnlyList<EventFd> Messages => _messages;

    internal EventFd Doorbell { get; } = EventFd.Create();

    internal byte[] Registers { get; } = new byte[PciFunction.TableAt];

    public void Read(int offset, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++) data[i] = offset + i < Registers.Length ? Registers[offset + i] : (byte)0;
    }

    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length && offset + i < Registers.Length; i++) Registers[offset + i] = data[i];
    }

    public void Dispose()
    {
        Doorbell.Dispose();
        foreach (EventFd message in _messages) message.Dispose();
    }
}
