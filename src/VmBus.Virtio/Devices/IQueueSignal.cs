namespace VmBus.Virtio.Devices;

/// <summary>How a queue's driver is woken. Called on the queue's lane; never waits.</summary>
internal interface IQueueSignal
{
    /// <summary>Something was published that the driver wants to hear of.</summary>
    void Signal();
}
