
/*******************************************************************************
   A script as generators write it for psql: a database of its own, then tables,
   keys and rows; with a comment that has ' and ; in it.
********************************************************************************/
DROP DATABASE IF EXISTS music;


CREATE DATABASE music;


\c music;


CREATE TABLE artist
(
    artist_id INT NOT NULL,
    name VARCHAR(120),
    CONSTRAINT artist_pkey PRIMARY KEY  (artist_id)
);

CREATE TABLE track
(
    track_id INT NOT NULL,
    artist_id INT NOT NULL,
    name VARCHAR(200) NOT NULL,
    unit_price NUMERIC(10,2) NOT NULL,
    sold_at TIMESTAMP,
    CONSTRAINT track_pkey PRIMARY KEY  (track_id)
);

ALTER TABLE track ADD CONSTRAINT track_artist_id_fkey
    FOREIGN KEY (artist_id) REFERENCES artist (artist_id) ON DELETE NO ACTION ON UPDATE NO ACTION;

CREATE INDEX track_artist_id_idx ON track (artist_id);

INSERT INTO artist (artist_id, name) VALUES
    (1, N'AC/DC'),
    (2, N'Antônio Carlos Jobim'),
    (3, N'Guns N'' Roses; \! not a command'),
    (4, NULL);

INSERT INTO track (track_id, artist_id, name, unit_price, sold_at) VALUES
    (1, 1, N'For Those About To Rock (We Salute You)', 0.99, '2021/1/1'),
    (2, 3, N'November Rain -- no comment', 0.99, '2021/1/2'),
    (3, 3, N'Don''t Cry', 1.99, NULL);
