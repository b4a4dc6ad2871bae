using VmBus.Virtio.Remote;

namespace VmBus.Virtio.Devices;

/// <summary>A device whose queues another process works on: its transport hands them over instead of opening them.</summary>
internal interface IRemoteDevice : IVirtioDevice
{
    /// <summary>Set by the transport: to be called, on no lane, when nobody works on the queues any more.</summary>
    Action? Gone { get; set; }

    /// <summary>Hands a queue over. The device signals its driver by <see cref="RemoteQueue.Call"/>, whenever it likes.</summary>
    /// <returns>False when nobody takes it.</returns>
    bool TryStartQueue(in RemoteQueue queue, ulong features);

    /// <summary>Takes a queue back, with nothing of it under way.</summary>
    void StopQueue(int index);
}
