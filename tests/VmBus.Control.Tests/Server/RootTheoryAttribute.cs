using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>A test that becomes another user.</summary>
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute()
    {
        if (FileOwner.CurrentUser != 0) Skip = "only root can become another user";
    }
}
