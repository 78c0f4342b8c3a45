using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>Kinds of norm from the words of a description.</summary>
internal static class NormKinds
{
    /// <summary>The kind of a family with its settings.</summary>
    /// <param name="family">Its name, for example GroupNorm.</param>
    /// <param name="groups">The number of groups, which group norm must have.</param>
    /// <param name="eps">What is added to the variance; null is the default.</param>
    /// <param name="momentum">Weight of the new value; null is the default.</param>
    /// <param name="fails">Makes the error of a message.</param>
    public static NormKind Of(string family, int? groups, double? eps, double? momentum, Func<string, Exception> fails)
    {
        string[] names = Enum.GetNames<NormFamily>();
        int index = Array.IndexOf(names, family);
        if (index < 0)
        {
            throw fails($"expected {string.Join(", ", names)} as the norm, got {family}."
                + NearestName.Hint(family, names));
        }

        NormFamily kind = Enum.GetValues<NormFamily>()[index];
        if (kind == NormFamily.GroupNorm && groups is null)
            throw fails("expected the groups of a GroupNorm, as {\"type\": \"GroupNorm\", \"groups\": 8}, got none.");
        if (kind != NormFamily.GroupNorm && groups is not null)
            throw fails($"expected groups for a GroupNorm alone, got {groups} for a {family}.");
        NormKind plain = kind switch
        {
            NormFamily.None => NormKind.None,
            NormFamily.BatchNorm => NormKind.BatchNorm,
            NormFamily.LayerNorm => NormKind.LayerNorm,
            NormFamily.RMSNorm => NormKind.RMSNorm,
            NormFamily.InstanceNorm => NormKind.InstanceNorm,
            _ => NormKind.GroupNorm(groups!.Value),
        };
        return eps is null && momentum is null ? plain : plain.With(eps, momentum);
    }
}
