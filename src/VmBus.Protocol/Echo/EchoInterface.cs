namespace VmBus.Protocol.Echo;

/// <summary>This project's own device, to measure a channel with. Source: protocol-spec/echo.md.</summary>
public static class EchoInterface
{
    /// <summary>What it is offered as.</summary>
    public static readonly Guid Type = new("c1f0ef5b-6a55-4f0e-9d0c-2d6a3f1b8e47");

    /// <summary>The one instance of a partition.</summary>
    public static readonly Guid Instance = new("5e2a7c0d-90b4-4b1c-8a0e-71c4d9f26a13");

    /// <summary>The largest payload that is answered.</summary>
    public const int MaximumPayloadBytes = 16 * 1024;
}
