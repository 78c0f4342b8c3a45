using Evenkeel.Random;

namespace Evenkeel.Lab.Drawn;

/// <summary>The labels of a synthetic set: classes as equally frequent as the count allows, in random order.</summary>
internal static class SyntheticLabels
{
    /// <summary>Once each class in an order of its own, then again: a longer set begins with the shorter one.</summary>
    public static int[] Draw(IRandomStream random, int count, int classes)
    {
        var labels = new int[count];
        Span<int> turn = stackalloc int[classes];
        for (int i = 0; i < count; i++)
        {
            if (i % classes == 0)
            {
                for (int j = 0; j < classes; j++) turn[j] = j;
                random.Shuffle(turn);
            }

            labels[i] = turn[i % classes];
        }

        return labels;
    }
}
