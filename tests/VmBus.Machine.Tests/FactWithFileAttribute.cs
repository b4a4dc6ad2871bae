using Xunit;

namespace VmBus.Machine.Tests;

/// <summary>A test that needs a file of the host, such as a tool; without it the test is reported as skipped, with the reason.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithFileAttribute : FactAttribute
{
    public FactWithFileAttribute(string path, string package)
    {
        if (!File.Exists(path)) Skip = $"{path} is missing: install {package}";
    }
}
