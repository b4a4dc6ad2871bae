using VmBus.Machine.Devices;

namespace VmBus.Host.Consoles;

/// <summary>The far end of the partition's serial line. Input arrives on a thread of the console's own.</summary>
public interface IConsole : ISerialSink, IDisposable
{
    /// <summary>Delivers typed bytes to <paramref name="receiver"/> from now on.</summary>
    void Start(Action<ReadOnlyMemory<byte>> receiver);
}
