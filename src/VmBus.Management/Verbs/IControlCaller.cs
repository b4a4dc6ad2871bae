using VmBus.Management.Messages;
using VmBus.Management.Values;

namespace VmBus.Management.Verbs;

/// <summary>Carries verbs out: here, or at the other end of a socket. Whoever puts them into words need not know which.</summary>
public interface IControlCaller
{
    /// <summary>Carries a verb out.</summary>
    /// <exception cref="ControlException">It could not be done.</exception>
    Task<TResult> CallAsync<TParameters, TResult>(
        ControlVerb<TParameters, TResult> verb, TParameters parameters, CancellationToken cancellation)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>;
}
