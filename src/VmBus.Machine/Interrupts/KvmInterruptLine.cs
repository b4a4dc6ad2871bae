using VmBus.Machine.Devices;
using VmBus.Native.Kvm;

namespace VmBus.Machine.Interrupts;

/// <summary>A line into KVM's interrupt controllers.</summary>
internal sealed class KvmInterruptLine(KvmVm vm, int gsi) : IInterruptLine
{
    /// <inheritdoc/>
    public void SetLevel(bool raised)
    {
        if (!TryHold()) return;
        _ = vm.SetLine(gsi, raised);
        vm.DangerousRelease();
    }

    /// <inheritdoc/>
    public void Pulse()
    {
        if (!TryHold()) return;
        _ = vm.SetLine(gsi, raised: true);
        _ = vm.SetLine(gsi, raised: false);
        vm.DangerousRelease();
    }

    // A device may outlive its machine for a moment: its last interrupts go nowhere.
    private bool TryHold()
    {
        bool held = false;
        try
        {
            vm.DangerousAddRef(ref held);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }

        return held;
    }
}
