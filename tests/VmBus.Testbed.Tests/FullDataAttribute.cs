using System.Reflection;
using Xunit.Sdk;

namespace VmBus.Testbed.Tests;

/// <summary>A row of a theory that <c>tests/run --full</c> adds (VMBUS_TEST_FULL): a guest that another row or theory of the usual run has, too.</summary>
/// <remarks>The usual run takes each test once and each kernel in half of them, so that it ends in minutes.</remarks>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class FullDataAttribute(params object[] data) : DataAttribute
{
    /// <summary>Whether everything runs.</summary>
    public static bool IsWanted => Environment.GetEnvironmentVariable("VMBUS_TEST_FULL") is { Length: > 0 };

    /// <inheritdoc/>
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => IsWanted ? [data] : [];
}
