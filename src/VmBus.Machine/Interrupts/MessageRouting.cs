using VmBus.Machine.Pci;
using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine.Interrupts;

/// <summary>Interrupts by message: each has a global system interrupt behind those of processors, whose route says which message it is.</summary>
/// <remarks>Any thread. KVM replaces its routes as a whole, so all of them are kept here.</remarks>
internal sealed class MessageRouting(KvmVm vm, int processorCount) : IPciHost
{
    private readonly Lock _gate = new();
    private readonly List<kvm_irq_routing_entry> _messages = [];

    /// <inheritdoc/>
    public int BindWrite(ulong address, EventFd target) => vm.BindWrite(address, target);

    /// <inheritdoc/>
    public void UnbindWrite(ulong address, EventFd target) => _ = vm.UnbindWrite(address, target);

    /// <inheritdoc/>
    public IMessageInterrupt AddMessage(EventFd trigger)
    {
        lock (_gate)
        {
            int gsi = InterruptRouting.SyntheticGsi(processorCount) + _messages.Count;
            _messages.Add(new kvm_irq_routing_entry { gsi = (uint)gsi, type = KvmConstant.KVM_IRQ_ROUTING_MSI });
            return new Message(this, gsi, _messages.Count - 1, trigger);
        }
    }

    private bool TrySet(int index, ulong address, uint data)
    {
        lock (_gate)
        {
            kvm_irq_routing_entry before = _messages[index];
            kvm_irq_routing_entry entry = before with { first = (uint)address, second = (uint)(address >> 32) };
            entry.rest[0] = data;
            _messages[index] = entry;
            // What was never given a message has none to be routed.
            if (vm.SetRouting([.. InterruptRouting.Build(processorCount), .. _messages.Where(static message => message.first != 0)]) >= 0) return true;
            _messages[index] = before;
            return false;
        }
    }

    private sealed class Message(MessageRouting routing, int gsi, int index, EventFd trigger) : IMessageInterrupt
    {
        private bool _isAssigned;

        // A message that the kernel does not take is the guest's mistake, and its interrupts do not come.
        public void Connect(ulong address, uint data)
        {
            if (!routing.TrySet(index, address, data)) Disconnect();
            else if (!_isAssigned) _isAssigned = routing.Assign(gsi, trigger);
        }

        public void Disconnect()
        {
            if (_isAssigned) routing.Release(gsi, trigger);
            _isAssigned = false;
        }
    }

    private bool Assign(int gsi, EventFd trigger) => vm.AssignInterrupt(gsi, trigger, resample: null) >= 0;

    private void Release(int gsi, EventFd trigger) => _ = vm.ReleaseInterrupt(gsi, trigger);
}
