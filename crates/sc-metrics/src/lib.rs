//! Clustering scores by the definitions of scikit-learn, and k-means for scoring.
