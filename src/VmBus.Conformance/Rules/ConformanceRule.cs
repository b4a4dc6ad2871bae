namespace VmBus.Conformance.Rules;

/// <summary>Whose duty a rule is.</summary>
public enum RuleParty
{
    /// <summary>The host's.</summary>
    Host,

    /// <summary>The guest's.</summary>
    Guest,
}

/// <summary>One rule of the protocol pages.</summary>
/// <param name="Id">Its id: letters for the page, a dash and a number, such as CH-10. It never means another rule.</param>
/// <param name="Page">File name of the page, such as <c>channel.md</c>.</param>
/// <param name="Of">Whose duty it is.</param>
/// <param name="Text">What the party does, without markup.</param>
public sealed record ConformanceRule(string Id, string Page, RuleParty Of, string Text);
