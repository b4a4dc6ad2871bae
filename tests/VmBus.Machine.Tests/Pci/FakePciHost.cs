using VmBus.Machine.Pci;
using VmBus.Native.Linux;

namespace VmBus.Machine.Tests.Pci;

/// <summary>Notes what functions ask of their machine.</summary>
internal sealed class FakePciHost : IPciHost
{
    internal Dictionary<ulong, EventFd> Bound { get; } = [];

    internal List<FakeMessage> Added { get; } = [];

    public int BindWrite(ulong address, EventFd target)
    {
        Bound.Add(address, target);
        return 0;
    }

    public void UnbindWrite(ulong address, EventFd target) => Bound.Remove(address);

    public IMessageInterrupt AddMessage(EventFd trigger)
    {
        Added.Add(new FakeMessage());
        return Added[^1];
    }

    internal sealed class FakeMessage : IMessageInterrupt
    {
        internal (ulong Address, uint Data)? Sends { get; private set; }

        internal int Changes { get; private set; }

        public void Connect(ulong address, uint data)
        {
            Changes++;
            Sends = (address, data);
        }

        public void Disconnect()
        {
            Changes++;
            Sends = null;
        }
    }
}
