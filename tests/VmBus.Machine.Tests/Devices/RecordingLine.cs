using VmBus.Machine.Devices;

namespace VmBus.Machine.Tests.Devices;

/// <summary>An interrupt line that counts edges and keeps its level.</summary>
internal sealed class RecordingLine : IInterruptLine
{
    public int Pulses { get; private set; }

    public bool IsRaised { get; private set; }

    public void SetLevel(bool raised) => IsRaised = raised;

    public void Pulse() => Pulses++;
}
