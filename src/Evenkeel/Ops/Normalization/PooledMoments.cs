namespace Evenkeel;

/// <summary>
/// The statistics of several sets of values together, added one by one.
/// </summary>
/// <remarks>
/// Two sets of n and n' values with means mean and mean' have together (Chan, Golub and LeVeque, 1979),
/// with delta = mean' - mean:
/// mean + delta·n'/(n+n') and Σ(x-mean)² = their two sums + delta²·n·n'/(n+n'). Nothing large is subtracted from
/// something large, as E[x²]-E[x]² would.
/// <para>The mean is held as pivot + low here too, so that no digits are lost where |mean| ≫ std: delta is taken of the
/// pivots and of the lows.</para>
/// </remarks>
internal struct PooledMoments
{
    /// <summary>Number of values.</summary>
    public double Count { get; private set; }

    /// <summary>The pivot of the first set.</summary>
    public double Pivot { get; private set; }

    /// <summary>What the mean is more.</summary>
    public double Low { get; private set; }

    /// <summary>Σ(x-mean)².</summary>
    public double Squares { get; private set; }

    /// <summary>Adds a set.</summary>
    /// <param name="values">Number of its values.</param>
    /// <param name="pivot">The pivot of its mean.</param>
    /// <param name="low">The low part of its mean.</param>
    /// <param name="variance">Its biased variance.</param>
    /// <param name="spread">False: the spread of the sets' means is left out of the squares.</param>
    public void Add(double values, double pivot, double low, double variance, bool spread = true)
    {
        if (values == 0) return;
        if (Count == 0) Pivot = pivot;
        double delta = pivot - Pivot + (low - Low);
        double share = values / (Count + values);
        Low += delta * share;
        Squares += variance * values + (spread ? delta * delta * (Count * share) : 0);
        Count += values;
    }
}
