using VmBus.Management.Values;

namespace VmBus.Management.Verbs;

/// <summary>Something that can be asked over the control socket: its name on the wire, what it takes and what it gives back.</summary>
/// <typeparam name="TParameters">What it takes.</typeparam>
/// <typeparam name="TResult">What it gives back.</typeparam>
/// <param name="Name">Its name: what it is about, a dot, what is done.</param>
public sealed record ControlVerb<TParameters, TResult>(string Name)
    where TParameters : IControlValue<TParameters>
    where TResult : IControlValue<TResult>;
