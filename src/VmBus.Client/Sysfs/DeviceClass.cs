namespace VmBus.Client.Sysfs;

/// <summary>What kinds of device a host offers, by their class. Source: protocol-spec/integration.md#services, protocol-spec/channel.md.</summary>
public static class DeviceClass
{
    private static readonly Dictionary<Guid, string> Names = new()
    {
        [new("57164f39-9115-4e78-ab55-382f3bd5422d")] = "Heartbeat",
        [new("0e0b6031-5213-4934-818b-38d90ced39db")] = "Shutdown",
        [new("9527e630-d0ae-497b-adce-e80ab0175caf")] = "Time Synchronization",
        [new("a9a0f4e7-5a45-4d96-b827-8a841e8c03e6")] = "Key-Value Pair Exchange",
        [new("35fa2e29-ea23-4236-96ae-3a6ebacba440")] = "VSS",
        [new("34d14be3-dee4-41c8-9ae7-6b174977c192")] = "Guest Service Interface",
        [new("525074dc-8985-46e2-8057-a307dc18a502")] = "Dynamic Memory",
        [new("f8615163-df3e-46c5-913f-f2d2f965ed0e")] = "Network Adapter",
        [new("ba6163d9-04a1-4d29-b605-72e2ffb1dc7f")] = "SCSI Controller",
        [new("32412632-86cb-44a2-9b5c-50d1417354f5")] = "IDE Controller",
        [new("2f9bcc4a-0069-4af3-b76b-6fd0be528cda")] = "Fibre Channel Adapter",
        [new("8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501")] = "RDMA Adapter",
        [new("f912ad6d-2b17-48ea-bd65-f927a61c7684")] = "Keyboard",
        [new("cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a")] = "Mouse",
        [new("da0a7802-e377-4aac-8e77-0558eb1073f8")] = "Video",
        [new("44c4f61d-4444-4400-9d52-802e27ede19f")] = "PCI Express Pass-through",
        [new("c376c1c3-d276-48d2-90a9-c04748072c60")] = "Initial Machine Configuration",
        [new("f8e65716-3cb3-4a06-9a60-1889c5cccab5")] = "Virtual Machine Activation",
        [new("3375baf4-9e15-4b30-b765-67acb10d607b")] = "Virtual Machine Activation 2",
        [new("276aacf4-ac15-426c-98dd-7521ad3f01fe")] = "Remote Desktop",
        [new("8b60ccf6-709f-4c11-90b5-229c959a9e6a")] = "Serial Port",
    };

    /// <summary>What a class is called; a class that is not known is a service of Hyper-V sockets or not known here.</summary>
    public static string NameOf(Guid id) => Names.GetValueOrDefault(id, "Unknown");
}
