using VmBus.Machine;
using Xunit;

namespace VmBus.TestKit.Kvm;

/// <summary>A fact that needs a KVM with Hyper-V's features; elsewhere it is skipped with the reason. Mark it [Trait("Needs", "Kvm")] as well.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KvmFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Reason = new(FindReason);

    /// <summary>Asks the host once per process.</summary>
    public KvmFactAttribute() => Skip = Reason.Value;

    private static string? FindReason()
    {
        try
        {
            using var host = KvmHost.Open();
            return host.Missing;
        }
        catch (KvmUnavailableException e)
        {
            return e.Message;
        }
    }
}
